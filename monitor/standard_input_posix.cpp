#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "monitor/standard_input.h"

namespace blockwatch {

winlog::ReadFn standard_input(std::stop_token stop) {
  return [stop = std::move(stop)](std::span<char> buffer) -> Result<std::size_t> {
    constexpr int kPollMs = 200;
    while (!stop.stop_requested()) {
      pollfd ready{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
      const int n = ::poll(&ready, 1, kPollMs);
      if (n == 0 || (n < 0 && errno == EINTR)) continue;
      const ssize_t got = ::read(STDIN_FILENO, buffer.data(), buffer.size());
      if (got >= 0) return static_cast<std::size_t>(got);
      if (errno == EINTR || errno == EAGAIN) continue;
      return make_error(ErrorCode::kIo,
                        "standard input: " + std::generic_category().message(errno));
    }
    return std::size_t{0};
  };
}

}  // namespace blockwatch
