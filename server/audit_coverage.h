#pragma once
// Turns what is known of the audit policy into facts of coverage: when Windows was not told to
// audit what is recorded.

#include <functional>
#include <optional>
#include <string>

#include "monitor/audit_policy.h"
#include "storage/audit_store.h"
#include "storage/event.h"
#include "storage/words.h"

namespace blockwatch {

// One thread at a time.
class AuditCoverage {
 public:
  // `source`: whose events depend on the policy. `tell` must not block.
  using Tell = std::function<void(EventBatch&&)>;
  AuditCoverage(std::string source, ActionSet record, Tell tell)
      : source_(std::move(source)), record_(record), tell_(std::move(tell)) {}

  // The policy at the start; what was off may have been so since the source was last heard of.
  void begin(const AuditPolicy& policy, std::optional<Timestamp> last_heard, Timestamp time);

  // A change that is in force, in order.
  void hear(const AuditChangeRecord& change);

  const std::string& source() const { return source_; }

 private:
  std::string missing() const;

  const std::string source_;
  const ActionSet record_;
  const Tell tell_;
  AuditPolicy policy_;
  std::string told_;  // what was missing; empty: nothing
};

}  // namespace blockwatch
