#include <fcntl.h>
#include <io.h>

#include <cstdio>

#include "monitor/standard_input.h"

namespace blockwatch {

winlog::ReadFn standard_input(std::stop_token stop) {
  _setmode(_fileno(stdin), _O_BINARY);
  return [stop = std::move(stop)](std::span<char> buffer) -> Result<std::size_t> {
    if (stop.stop_requested()) return std::size_t{0};
    const int got = _read(_fileno(stdin), buffer.data(), static_cast<unsigned>(buffer.size()));
    if (got < 0) return make_error(ErrorCode::kIo, "standard input cannot be read");
    return static_cast<std::size_t>(got);
  };
}

}  // namespace blockwatch
