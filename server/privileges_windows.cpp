#include "server/privileges.h"

namespace blockwatch {

// The service is started with no more than it needs (service_plan), and a program that a user
// starts has the user's rights.
Result<void> drop_rights(const NeededRights& needed) {
  if (needed.user.empty()) return {};
  return make_error(ErrorCode::kInvalidArgument, "--user: not on Windows");
}

}  // namespace blockwatch
