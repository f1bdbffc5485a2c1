#include "server/audit_coverage.h"

#include <utility>

namespace blockwatch {
namespace {

// What others change is noticed by looking every minute.
constexpr std::int64_t kLookTicks = 60 * Timestamp::kTicksPerSecond;

CoverageFact off_since(Timestamp start, const std::string& missing) {
  return {.kind = CoverageKind::kAuditingOff, .start = start, .detail = "not audited: " + missing};
}

CoverageFact on_since(Timestamp time) {
  return {.kind = CoverageKind::kAuditingOff, .start = time, .end = time, .ends_open = true};
}

}  // namespace

std::string AuditCoverage::missing() const {
  std::string words;
  const auto need = [&](Action action, AuditId id, const char* outcome, bool audited) {
    if (!record_.has(action) || audited) return;
    words += (words.empty() ? "" : ", ") + audit_slug(id) + ' ' + outcome;
  };
  const auto connection = policy_.at(kAuditConnection).value_or(AuditFlags{});
  const auto packet = policy_.at(kAuditPacketDrop).value_or(AuditFlags{});
  need(Action::kBlock, kAuditConnection, "failure", connection.failure);
  need(Action::kDrop, kAuditPacketDrop, "failure", packet.failure);
  need(Action::kPermit, kAuditConnection, "success", connection.success);
  return words;
}

void AuditCoverage::begin(const AuditPolicy& policy, std::optional<Timestamp> last_heard,
                          Timestamp time) {
  policy_ = policy;
  told_ = missing();
  // A fact of an earlier run may be open still.
  tell_({.source = source_,
         .facts = {told_.empty() ? on_since(time) : off_since(last_heard.value_or(time), told_)}});
}

void AuditCoverage::hear(const AuditChangeRecord& change) {
  for (const AuditSettingRecord& setting : change.settings) {
    policy_.at(setting.subcategory) = {(setting.after & 1U) != 0, (setting.after & 2U) != 0};
  }
  const std::string now_missing = missing();
  if (now_missing == told_) return;
  EventBatch batch{.source = source_};
  if (!told_.empty()) batch.facts.push_back(on_since(change.time));
  if (!now_missing.empty()) {
    const bool noticed_late = change.cause == AuditCause::kOutside && told_.empty();
    batch.facts.push_back(
        off_since({change.time.ticks - (noticed_late ? kLookTicks : 0)}, now_missing));
  }
  told_ = now_missing;
  tell_(std::move(batch));
}

}  // namespace blockwatch
