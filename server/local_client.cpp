#include "server/local_client.h"

#include <array>
#include <charconv>
#include <chrono>
#include <utility>

#include "storage/words.h"

namespace blockwatch {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr milliseconds kPatience{10'000};
constexpr std::size_t kMostAnswerBytes = std::size_t{1} << 20;

milliseconds left_until(Clock::time_point deadline) {
  return std::chrono::ceil<milliseconds>(deadline - Clock::now());
}

// What a header of the head says; empty: it is not there.
std::string_view header_in(std::string_view head, std::string_view name) {
  while (!head.empty()) {
    const std::size_t end = std::min(head.find("\r\n"), head.size());
    const std::string_view line = head.substr(0, end);
    head.remove_prefix(std::min(end + 2, head.size()));
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    if (!equal_ignoring_case(line.substr(0, colon), name)) continue;
    std::string_view value = line.substr(colon + 1);
    while (value.starts_with(' ')) value.remove_prefix(1);
    return value;
  }
  return {};
}

template <class Number>
bool read_number(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size();
}

}  // namespace

Result<LocalClient> LocalClient::connect(const std::string& host, int port) {
  auto socket = connect_to(host, port);
  if (!socket) return tl::unexpected(socket.error());
  const bool is_v6 = host.find(':') != std::string::npos;
  return LocalClient(std::move(*socket),
                     (is_v6 ? "[" + host + "]" : host) + ":" + std::to_string(port));
}

Result<LocalAnswer> LocalClient::send(std::string_view method, std::string_view target,
                                      std::string_view lines) {
  const auto failed =
      make_error(ErrorCode::kUnavailable, authority_ + " does not answer as expected");
  std::string request = std::string(method) + ' ' + std::string(target) +
                        " HTTP/1.1\r\nHost: " + authority_ + "\r\n" + std::string(lines);
  if (method == "POST") request += "Content-Length: 0\r\n";
  request += "\r\n";

  const auto deadline = Clock::now() + kPatience;
  for (std::string_view unsent = request; !unsent.empty();) {
    const auto sent = socket_.send(unsent.data(), unsent.size());
    if (sent.status == Socket::Status::kClosed) return failed;
    if (sent.status == Socket::Status::kDone) unsent.remove_prefix(sent.bytes);
    if (sent.status == Socket::Status::kWouldBlock && !socket_.wait_writable(left_until(deadline)))
      return failed;
  }
  std::string answer;
  for (std::array<char, 4096> buffer{}; answer.size() < kMostAnswerBytes;) {
    const std::size_t head_end = answer.find("\r\n\r\n");
    if (head_end != std::string::npos) {
      const std::string_view head = std::string_view(answer).substr(0, head_end);
      LocalAnswer result;
      std::size_t length = 0;
      // "HTTP/1.1 200 OK"
      if (!head.starts_with("HTTP/1.1 ") || head.size() < 12 ||
          !read_number(head.substr(9, 3), result.status) ||
          !read_number(header_in(head, "Content-Length"), length)) {
        return failed;
      }
      if (answer.size() - head_end - 4 >= length) {
        result.body = answer.substr(head_end + 4, length);
        return result;
      }
    }
    if (!socket_.wait_readable(left_until(deadline))) return failed;
    const auto got = socket_.receive(buffer.data(), buffer.size());
    if (got.status == Socket::Status::kClosed) return failed;
    answer.append(buffer.data(), got.bytes);
  }
  return failed;
}

}  // namespace blockwatch
