#include "server/handlers/answers.h"

#include <algorithm>
#include <utility>

#include "server/param_values.h"
#include "server/utf8.h"

namespace blockwatch::handlers {
namespace {

constexpr std::string_view kRetryAfterSeconds = "5";

bool same_word(std::string_view a, std::string_view b) {
  auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (lower(a[i]) != lower(b[i])) return false;
  }
  return true;
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// Takes the text up to the separator off the front.
std::string_view take_until(std::string_view& text, char separator) {
  std::size_t end = text.find(separator);
  std::string_view part = text.substr(0, end);
  text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
  return trim(part);
}

struct MediaRange {
  int specificity = -1;  // 0: */*, 1: type/*, 2: type/subtype; -1: does not match
  unsigned quality = 0;  // thousandths
};

unsigned parse_quality(std::string_view text) {
  if (text.empty() || text.front() != '0') return 1000;
  std::string digits(text.substr(std::min<std::size_t>(2, text.size())));
  digits.resize(3, '0');
  return static_cast<unsigned>(parse_number(digits, 999).value_or(0));
}

MediaRange match_range(std::string_view range, std::string_view offered) {
  std::string_view media = take_until(range, ';');
  MediaRange result;
  if (media == "*/*" || media == "*") {
    result.specificity = 0;
  } else if (same_word(media, offered)) {
    result.specificity = 2;
  } else if (media.ends_with("/*") &&
             same_word(media.substr(0, media.size() - 1),
                       offered.substr(0, std::min(offered.size(), media.size() - 1)))) {
    result.specificity = 1;
  }
  result.quality = 1000;
  while (!range.empty()) {
    std::string_view parameter = take_until(range, ';');
    std::string_view name = take_until(parameter, '=');
    if (same_word(name, "q")) result.quality = parse_quality(parameter);
  }
  return result;
}

}  // namespace

http::Response json_answer(std::string body, int status) {
  http::Response response;
  response.status = status;
  response.body = std::move(body);
  return response;
}

http::Response problem_answer(const Problem& problem) {
  http::Response response = to_response(problem);
  if (problem.status == 503) response.set("Retry-After", std::string(kRetryAfterSeconds));
  return response;
}

http::Response error_answer(const Error& error) { return problem_answer(to_problem(error)); }

tl::expected<ApiQuery, http::Response> read_query(Taker taker, const http::Request& request,
                                                  std::optional<Format> accepted) {
  ParsedQuery parsed = parse_target(taker, request.target, now(), accepted);
  if (!parsed.faults.empty()) return tl::unexpected(problem_answer(parameter_problem(parsed)));
  return std::move(parsed.query);
}

std::optional<std::size_t> negotiate(std::string_view accept,
                                     std::span<const std::string_view> offered) {
  if (trim(accept).empty()) return 0;
  std::optional<std::size_t> best;
  unsigned best_quality = 0;
  for (std::size_t i = 0; i < offered.size(); ++i) {
    MediaRange closest;
    std::string_view rest = accept;
    while (!rest.empty()) {
      MediaRange range = match_range(take_until(rest, ','), offered[i]);
      if (range.specificity > closest.specificity) closest = range;
    }
    if (closest.specificity >= 0 && closest.quality > best_quality) {
      best = i;
      best_quality = closest.quality;
    }
  }
  return best;
}

http::Response not_acceptable(const http::Request& request,
                              std::span<const std::string_view> offered) {
  std::string expected;
  for (std::size_t i = 0; i < offered.size(); ++i) {
    if (i != 0) expected += i + 1 == offered.size() ? " or " : ", ";
    expected += offered[i];
  }
  Problem problem{406, "not_acceptable", "The answer cannot be given in an accepted form.", {}, {}};
  problem.errors.push_back(
      {"Accept", shorten_utf8(header_or_empty(request, "Accept"), 100), std::move(expected)});
  return problem_answer(problem);
}

std::string header_or_empty(const http::Request& request, std::string_view name) {
  if (!request.header) return {};
  return request.header(name).value_or(std::string{});
}

}  // namespace blockwatch::handlers
