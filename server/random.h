#pragma once
// Random bytes for secrets.

#include <cstddef>

namespace blockwatch {

// From the operating system's cryptographic generator; waits until it is seeded. False: it failed,
// and the buffer must not be used.
bool fill_random(unsigned char* buffer, std::size_t size);

}  // namespace blockwatch
