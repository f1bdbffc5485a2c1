#pragma once
// A copy of the store as it is at one moment, made while it is read and written.

#include <atomic>
#include <cstdint>
#include <string>

#include "storage/result.h"

namespace blockwatch {

struct BackupReport {
  std::uint64_t bytes = 0;
  std::uint64_t rows = 0;
  std::uint64_t newest_seq = 0;
  bool audit_trail = false;  // a copy of PATH.audit is beside it
};

// What the copy is called until it is whole; a name that nobody else gives.
std::string unfinished_backup(const std::string& target);

// Removes what a backup that was killed left of `target`; nothing while one is being made.
void clear_unfinished_backup(const std::string& target);

// Copies the store `path`, and the audit trail beside it, to `target` and `target`.audit, which
// only their owner may read. Each is checked and written to the disk before it gets its name. The
// copy has no free pages and needs no other file, so that it can be read, or put in the store's
// place, as it is.
//
// Reads as any StoreReader does: nobody waits, but the write-ahead log cannot begin anew and grows
// by what is stored meanwhile. `stop` may be null; when it becomes true, the copy is given up.
//
// What a killed one left of the same target is cleared. kConflict: the target exists, or is being
// made by another; kUnavailable: no room, or stopped; kCorrupt: the store is damaged; kNotFound,
// kIo, kPermission.
Result<BackupReport> back_up(const std::string& path, const std::string& target,
                             const std::atomic<bool>* stop = nullptr);

}  // namespace blockwatch
