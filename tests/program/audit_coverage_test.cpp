#include "server/audit_coverage.h"

#include <gtest/gtest.h>

namespace blockwatch {
namespace {

constexpr Timestamp kStart{15'500'000'000'000'000};

Timestamp after(std::int64_t seconds) {
  return {kStart.ticks + seconds * Timestamp::kTicksPerSecond};
}

AuditPolicy policy(bool connections, bool packets) {
  AuditPolicy policy;
  policy.at(kAuditConnection) = AuditFlags{false, connections};
  policy.at(kAuditPacketDrop) = AuditFlags{false, packets};
  return policy;
}

AuditChangeRecord change(std::int64_t seconds, AuditId id, bool failure,
                         AuditCause cause = AuditCause::kSet) {
  AuditChangeRecord change;
  change.time = after(seconds);
  change.cause = cause;
  change.settings.push_back(
      {.subcategory = id, .after = failure ? std::uint8_t{2} : std::uint8_t{0}});
  return change;
}

class AuditCoverageTest : public testing::Test {
 protected:
  AuditCoverage coverage(ActionSet record = kBlocksAndDrops) {
    return {"windows:Security", record, [this](EventBatch&& batch) {
              EXPECT_EQ(batch.source, "windows:Security");
              for (const CoverageFact& fact : batch.facts) {
                EXPECT_EQ(fact.kind, CoverageKind::kAuditingOff);
                told_.push_back(
                    (fact.ends_open ? "on " : "off ") +
                    std::to_string((fact.start.ticks - kStart.ticks) / Timestamp::kTicksPerSecond) +
                    (fact.detail.empty() ? "" : " " + fact.detail));
              }
            }};
  }
  std::vector<std::string> told_;
};

using Told = std::vector<std::string>;

TEST_F(AuditCoverageTest, TellsFromWhenToWhenItWasOff) {
  auto ours = coverage();
  ours.begin(policy(true, true), after(-10), after(0));
  ours.hear(change(5, kAuditPacketDrop, false));
  ours.hear(change(6, kAuditPacketDrop, false));
  ours.hear(change(7, kAuditConnection, false));
  ours.hear(change(8, kAuditPacketDrop, true));
  ours.hear(change(9, kAuditConnection, true));
  EXPECT_EQ(told_,
            (Told{"on 0", "off 5 not audited: filtering-platform-packet-drop failure", "on 7",
                  "off 7 not audited: filtering-platform-connection failure, "
                  "filtering-platform-packet-drop failure",
                  "on 8", "off 8 not audited: filtering-platform-connection failure", "on 9"}));
}

TEST_F(AuditCoverageTest, WhatOthersSwitchedOffWasOffSinceTheLastLook) {
  auto ours = coverage();
  ours.begin(policy(true, true), {}, after(0));
  ours.hear(change(100, kAuditConnection, false, AuditCause::kOutside));
  EXPECT_EQ(told_.back(), "off 40 not audited: filtering-platform-connection failure");
}

TEST_F(AuditCoverageTest, WhatIsOffAtTheStartIsSoSinceTheSourceWasHeardOf) {
  coverage().begin(policy(false, true), after(-30), after(0));
  coverage().begin(policy(false, true), {}, after(0));
  EXPECT_EQ(told_, (Told{"off -30 not audited: filtering-platform-connection failure",
                         "off 0 not audited: filtering-platform-connection failure"}));
}

TEST_F(AuditCoverageTest, OnlyWhatIsRecordedCounts) {
  auto ours = coverage(ActionSet{0b001});
  ours.begin(policy(true, false), {}, after(0));
  ours.hear(change(5, kAuditPacketDrop, true));
  EXPECT_EQ(told_, Told{"on 0"});
  coverage(kAllActions).begin(policy(true, true), {}, after(0));
  EXPECT_EQ(told_.back(), "off 0 not audited: filtering-platform-connection success");
}

}  // namespace
}  // namespace blockwatch
