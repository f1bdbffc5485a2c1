#pragma once
// One harmless blocked connection, made on purpose: to this computer itself, to a port where nobody
// listens, by a filter that goes with the program.

#include <cstdint>

#include "storage/result.h"
#include "storage/timestamp.h"

namespace blockwatch {

struct BlockAttempt {
  std::uint16_t port = 0;  // of 127.0.0.1
  std::uint64_t filter_id = 0;
  Timestamp made;  // the attempt, by the system's clock
  // Did the system refuse it as forbidden, not for want of a listener?
  bool was_blocked = false;
  std::uint32_t error = 0;  // Windows' answer
};

// Adds the filter in a dynamic session of the filtering engine: Windows removes it with the
// session, also when the program crashes. kPermission without the right to add filters;
// kUnsupported where there is no such engine.
Result<BlockAttempt> attempt_blocked_connection();

}  // namespace blockwatch
