#pragma once
// The rights of this process: what serving does not need is given away at the start, for good.

#include <string>

#include "storage/result.h"

namespace blockwatch {

struct NeededRights {
  std::string user;           // whom to become; empty: stay who we are
  bool firewall_log = false;  // of the kernel, and whose packets they were
  bool read_others = false;   // event files that belong to others; not together with `user`
};

// Before any thread is made: threads inherit it. Files that are made from here on are the user's
// alone, a crash leaves no memory on the disk, no program that is started can have more rights, and
// of root's only those named are left. kInvalidArgument: no such user, or not root; kPermission.
Result<void> drop_rights(const NeededRights& needed);

}  // namespace blockwatch
