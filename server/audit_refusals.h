#pragma once
// Writes refused attempts to change the audit policy to its trail, as many as the disk should bear.

#include <chrono>
#include <cstdint>
#include <mutex>

#include "storage/audit_store.h"

namespace blockwatch {

// Any thread. Has a lock of its own: a refusal must not wait for a change under way.
class AuditRefusals {
 public:
  // `store` outlives this object.
  explicit AuditRefusals(AuditStore& store) : store_(store) {}

  // Writes it down, or counts it when there were too many in this minute.
  void note(AuditRefusal refusal);

  // What was counted is written down once nobody is refused any more. To be called now and then.
  void tell_counted();

 private:
  AuditStore& store_;
  std::mutex mutex_;
  std::chrono::steady_clock::time_point since_;  // guarded by mutex_, as all below
  unsigned written_ = 0;                         // since then
  std::int64_t counted_ = 0;
};

}  // namespace blockwatch
