// Makes stdlib.h declare rand_s.
#define _CRT_RAND_S  // NOLINT(bugprone-reserved-identifier): the name is Microsoft's
#include <stdlib.h>

#include <algorithm>
#include <cstring>

#include "server/random.h"

namespace blockwatch {

bool fill_random(unsigned char* buffer, std::size_t size) {
  while (size > 0) {
    unsigned int value = 0;
    if (rand_s(&value) != 0) return false;
    const std::size_t count = std::min<std::size_t>(size, sizeof(value));
    std::memcpy(buffer, &value, count);
    buffer += count;
    size -= count;
  }
  return true;
}

}  // namespace blockwatch
