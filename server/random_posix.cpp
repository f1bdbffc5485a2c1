#include <unistd.h>

#include <algorithm>

#include "server/random.h"

namespace blockwatch {

bool fill_random(unsigned char* buffer, std::size_t size) {
  // getentropy() gives at most 256 bytes at a time.
  constexpr std::size_t kMost = 256;
  while (size > 0) {
    const std::size_t count = std::min(size, kMost);
    if (::getentropy(buffer, count) != 0) return false;
    buffer += count;
    size -= count;
  }
  return true;
}

}  // namespace blockwatch
