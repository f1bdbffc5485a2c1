#include "server/request_head.h"

#include <algorithm>
#include <charconv>

#include "storage/words.h"

namespace blockwatch {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

constexpr std::string_view kDigits = "0123456789";

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool is_alnum(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

// RFC 9110, 5.6.2: what names of methods and headers are made of.
bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return is_alnum(c) || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char letter = lower(c);
  return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

// Nothing: a '%' without two hex digits, or an encoded NUL.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      decoded.push_back(' ');
    } else if (text[i] != '%') {
      decoded.push_back(text[i]);
    } else {
      if (text.size() - i < 3) return std::nullopt;
      const int high = hex_value(text[i + 1]);
      const int low = hex_value(text[i + 2]);
      if (high < 0 || low < 0 || high + low == 0) return std::nullopt;
      decoded.push_back(static_cast<char>(high * 16 + low));
      i += 2;
    }
  }
  return decoded;
}

// What is not encoded correctly stays as sent: the handlers read the target again and name the
// fault together with all others.
http::Parameters parse_query(std::string_view text) {
  const auto decode = [](std::string_view raw) {
    return percent_decode(raw, true).value_or(std::string(raw));
  };
  http::Parameters parameters;
  while (!text.empty()) {
    const std::size_t end = text.find('&');
    const std::string_view pair = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
    if (pair.empty()) continue;
    const std::size_t equals = pair.find('=');
    parameters.emplace_back(decode(pair.substr(0, equals)), equals == std::string_view::npos
                                                                ? std::string()
                                                                : decode(pair.substr(equals + 1)));
  }
  return parameters;
}

std::optional<Problem> parse_request_line(std::string_view line, RequestHead& head) {
  const auto bad = [](std::string detail) {
    return Problem{400, "bad_request_line", std::move(detail), {}, {}};
  };
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) {
    return bad("The request line is not 'METHOD TARGET VERSION'.");
  }
  const std::string_view method = line.substr(0, first);
  const std::string_view target = line.substr(first + 1, last - first - 1);
  const std::string_view version = line.substr(last + 1);
  if (!is_token(method)) return bad("The method is not a token.");
  // Its target is no path, and no route is asked.
  if (method == "CONNECT") {
    return Problem{405, "method_not_allowed", "This server is not a proxy.", {}, {}};
  }
  if (version != "HTTP/1.1" && version != "HTTP/1.0") {
    if (version.substr(0, 5) != "HTTP/") return bad("The version is not 'HTTP/1.1'.");
    return Problem{505, "http_version", "This server speaks HTTP/1.1.", {}, {}};
  }
  head.is_http_1_0 = version == "HTTP/1.0";
  if (target.size() > kMaxTargetBytes) {
    return Problem{414, "uri_too_long", "The request target is longer than 8192 bytes.", {}, {}};
  }
  const bool plain = std::all_of(target.begin(), target.end(),
                                 [](char c) { return c > 0x20 && c < 0x7f && c != '#'; });
  if (target.empty() || target.front() != '/' || !plain) {
    return bad("The request target is not a path of visible ASCII characters beginning with '/'.");
  }
  const std::size_t question = target.find('?');
  const std::string_view path = target.substr(0, question);
  if (path.size() > kMaxPathBytes) {
    return Problem{414, "uri_too_long", "The path is longer than 256 bytes.", {}, {}};
  }
  auto decoded = percent_decode(path, false);
  if (!decoded) return bad("The path is not percent-encoded correctly.");
  head.method = method;
  head.target = target;
  head.path = std::move(*decoded);
  if (question != std::string_view::npos) head.query = parse_query(target.substr(question + 1));
  return std::nullopt;
}

std::optional<Problem> parse_field(std::string_view line, Fields& fields) {
  const auto bad = [](std::string detail) {
    return Problem{400, "bad_header", std::move(detail), {}, {}};
  };
  // A line that begins with a blank (obs-fold) has no token before the colon either.
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) {
    return bad("A header line is not 'Name: value'.");
  }
  const std::string_view value = trim(line.substr(colon + 1));
  const bool clean = std::all_of(value.begin(), value.end(), [](char c) {
    return c == '\t' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
  });
  if (!clean) return bad("A header value contains a control character.");
  fields.emplace_back(line.substr(0, colon), value);
  return std::nullopt;
}

// RFC 9112, 6: how long the body is must be beyond doubt.
std::optional<Problem> read_framing(RequestHead& head) {
  if (head.first("Transfer-Encoding")) {
    return Problem{411,
                   "length_required",
                   "Transfer-Encoding is not accepted on requests.",
                   "Send the body with a Content-Length.",
                   {}};
  }
  const auto lengths = head.all("Content-Length");
  if (lengths.empty()) return std::nullopt;
  const std::string_view text = lengths.front();
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (lengths.size() > 1 || text.empty() ||
      text.find_first_not_of(kDigits) != std::string_view::npos || error != std::errc{} ||
      end != text.data() + text.size()) {
    return Problem{400,
                   "bad_content_length",
                   "Content-Length must come once and be a decimal number.",
                   {},
                   {}};
  }
  head.content_length = value;
  return std::nullopt;
}

std::optional<Problem> read_connection(RequestHead& head) {
  bool wants_keep_alive = false;
  bool wants_close = false;
  for (std::string_view value : head.all("Connection")) {
    while (!value.empty()) {
      const std::size_t comma = value.find(',');
      const std::string_view option = trim(value.substr(0, comma));
      wants_close = wants_close || equal_ignoring_case(option, "close");
      wants_keep_alive = wants_keep_alive || equal_ignoring_case(option, "keep-alive");
      value = comma == std::string_view::npos ? std::string_view{} : value.substr(comma + 1);
    }
  }
  head.keep_alive = !wants_close && (wants_keep_alive || !head.is_http_1_0);
  if (const auto expect = head.first("Expect")) {
    if (!equal_ignoring_case(*expect, "100-continue")) {
      return Problem{417, "expectation_failed", "Only 'Expect: 100-continue' is known.", {}, {}};
    }
    head.expects_continue = !head.is_http_1_0;
  }
  const auto ranges = head.all("Range");
  if (ranges.size() > 1 ||
      (ranges.size() == 1 && ranges.front().find(',') != std::string_view::npos)) {
    return Problem{416, "range_not_satisfiable", "At most one range can be asked for.", {}, {}};
  }
  return std::nullopt;
}

}  // namespace

std::vector<std::string_view> RequestHead::all(std::string_view name) const {
  std::vector<std::string_view> values;
  for (const auto& [field, value] : headers) {
    if (equal_ignoring_case(field, name)) values.emplace_back(value);
  }
  return values;
}

std::optional<std::string_view> RequestHead::first(std::string_view name) const {
  for (const auto& [field, value] : headers) {
    if (equal_ignoring_case(field, name)) return value;
  }
  return std::nullopt;
}

HeadScanner::State HeadScanner::fail(int status, std::string code, std::string detail) {
  fault_ = Problem{status, std::move(code), std::move(detail), {}, {}};
  return State::kFault;
}

HeadScanner::State HeadScanner::scan(std::string_view text) {
  // Room for the method, the version and the blanks beside the longest target.
  constexpr std::size_t kMaxRequestLine = kMaxTargetBytes + 64;
  while (scanned_ < text.size()) {
    const char c = text[scanned_++];
    const std::size_t line_bytes = scanned_ - line_begin_;
    if (lines_ == 0 && line_bytes > kMaxRequestLine) {
      return fail(414, "uri_too_long", "The request target is longer than 8192 bytes.");
    }
    if (scanned_ > kMaxHeadBytes) {
      return fail(431, "header_too_large", "The request head is larger than 32768 bytes.");
    }
    if (c != '\n') continue;
    // A line feed alone would be taken as a line's end by some readers and not by others.
    if (line_bytes < 2 || text[scanned_ - 2] != '\r') {
      return fail(400, "bad_line_end", "Lines of the request head must end with CR LF.");
    }
    if (line_bytes == 2) {
      if (lines_ > 0) return State::kComplete;
      return fail(400, "bad_request_line", "The request begins with an empty line.");
    }
    if (++lines_ > kMaxHeaders + 1) {
      return fail(431, "header_too_large", "The request has more than 100 header lines.");
    }
    line_begin_ = scanned_;
  }
  return State::kMore;
}

tl::expected<RequestHead, Problem> parse_request_head(std::string_view text) {
  RequestHead head;
  bool first_line = true;
  while (true) {
    const std::size_t end = text.find("\r\n");
    if (end == std::string_view::npos) {
      return tl::unexpected<Problem>(Problem{
          400, "bad_line_end", "The request head does not end with an empty line.", {}, {}});
    }
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 2);
    if (line.empty() && !first_line) break;
    auto fault = first_line ? parse_request_line(line, head) : parse_field(line, head.headers);
    if (fault) return tl::unexpected<Problem>(std::move(*fault));
    first_line = false;
  }
  if (auto fault = read_framing(head)) return tl::unexpected<Problem>(std::move(*fault));
  if (auto fault = read_connection(head)) return tl::unexpected<Problem>(std::move(*fault));
  return head;
}

}  // namespace blockwatch
