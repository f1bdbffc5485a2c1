#include <windows.h>

#include <algorithm>

#include "monitor/standard_input.h"
#include "monitor/wait.h"

namespace blockwatch {
namespace {

// How long a pipe may have bytes before they are seen.
constexpr std::chrono::milliseconds kPipeInterval{20};

bool at_end(DWORD error) { return error == ERROR_BROKEN_PIPE || error == ERROR_HANDLE_EOF; }

tl::unexpected<Error> failure(DWORD error) {
  return make_error(ErrorCode::kIo, "standard input: error " + std::to_string(error));
}

}  // namespace

winlog::ReadFn standard_input(std::stop_token stop) {
  const HANDLE input = ::GetStdHandle(STD_INPUT_HANDLE);
  const bool is_pipe = ::GetFileType(input) == FILE_TYPE_PIPE;
  return [stop = std::move(stop), input, is_pipe](std::span<char> buffer) -> Result<std::size_t> {
    // A read would wait for bytes and know nothing of the stop.
    for (DWORD ready = 0; is_pipe && ready == 0;) {
      if (stop.stop_requested()) return std::size_t{0};
      if (!::PeekNamedPipe(input, nullptr, 0, nullptr, &ready, nullptr)) {
        const DWORD error = ::GetLastError();
        if (at_end(error)) return std::size_t{0};
        return failure(error);
      }
      if (ready == 0) wait_for(stop, kPipeInterval);
    }
    if (stop.stop_requested()) return std::size_t{0};
    DWORD got = 0;
    const auto wanted = static_cast<DWORD>(std::min<std::size_t>(buffer.size(), 1U << 30U));
    if (!::ReadFile(input, buffer.data(), wanted, &got, nullptr)) {
      const DWORD error = ::GetLastError();
      if (!at_end(error)) return failure(error);
    }
    return std::size_t{got};
  };
}

}  // namespace blockwatch
