#include "monitor/block_attempt.h"

namespace blockwatch {

Result<BlockAttempt> attempt_blocked_connection() {
  return make_error(ErrorCode::kUnsupported,
                    "a blocked attempt can be made, and watched on its way, on Windows only");
}

}  // namespace blockwatch
