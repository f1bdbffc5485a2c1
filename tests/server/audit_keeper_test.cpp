#include "server/audit_keeper.h"

#include <SQLiteCpp/Database.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "storage/store_lock.h"
#include "tests/support/eventually.h"
#include "tests/support/temp_dir.h"

namespace blockwatch {
namespace {

using testing::ElementsAre;

// A system's policy as the tests want it to behave.
struct FakeSystem {
  AuditPolicy policy;
  std::optional<Error> set_error;
  std::optional<AuditId> refused;  // with set_error: only changes of this one fail
  bool forgets = false;            // takes a change and keeps what it had
  std::optional<std::string> conflict;
  int sets = 0;
  std::function<void()> before_set;
};

class FakePolicy final : public AuditPolicySource {
 public:
  explicit FakePolicy(FakeSystem& system) : system_(system) {}
  std::string_view kind() const override { return "windows"; }
  Result<AuditPolicy> read() override { return system_.policy; }
  Result<void> set(std::span<const AuditSetting> settings) override {
    ++system_.sets;
    if (system_.before_set) system_.before_set();
    const bool refuses =
        !system_.refused || std::ranges::count(settings, *system_.refused, &AuditSetting::id) != 0;
    if (system_.set_error && refuses) return tl::unexpected(*system_.set_error);
    if (system_.forgets) return {};
    for (const AuditSetting& setting : settings) system_.policy.at(setting.id) = setting.flags;
    return {};
  }
  std::optional<std::string> conflict(std::span<const AuditSetting>) override {
    return system_.conflict;
  }
  std::optional<SecurityLog> security_log() override { return std::nullopt; }

 private:
  FakeSystem& system_;
};

constexpr AuditFlags kOff{};
constexpr AuditFlags kFailures{false, true};
constexpr AuditFlags kBoth{true, true};

class Keeper : public testing::Test {
 protected:
  void SetUp() override {
    system_.policy.fill(kOff);
    keeper_ = make_keeper();
  }

  std::unique_ptr<AuditKeeper> make_keeper() {
    auto store = AuditStore::open(folder_.path("trail"));
    EXPECT_TRUE(store) << store.error().message;
    return std::make_unique<AuditKeeper>(std::make_unique<FakePolicy>(system_), std::move(*store),
                                         folder_.path("trail"));
  }

  static AuditRequest failures_on(AuditId id) {
    AuditRequest request;
    request.who = "token:me";
    request.wishes = {{id, std::nullopt, true}};
    return request;
  }

  std::vector<AuditChangeRecord> changes() { return keeper_->trail().changes({}).value(); }

  // What a program that was killed has left: a change that was begun, or done, long ago.
  AuditChangeRecord left_behind(AuditSettingRecord setting, bool done) {
    AuditChangeRecord change;
    change.time = now();
    change.who = "token:me";
    change.settings = {setting};
    change.revert_time = Timestamp{change.time.ticks - 1};
    EXPECT_TRUE(keeper_->trail().begin(change, to_digits(system_.policy)));
    if (done) {
      EXPECT_TRUE(
          keeper_->trail().finish(change, AuditState::kDone, {}, to_digits(system_.policy)));
    }
    return change;
  }

  TempDir folder_;
  FakeSystem system_;
  std::unique_ptr<AuditKeeper> keeper_;
};

TEST_F(Keeper, AChangeIsWrittenDownBeforeItIsMade) {
  system_.before_set = [this] {
    const auto unfinished = keeper_->trail().unfinished();
    ASSERT_EQ(unfinished->size(), 1U);
    EXPECT_EQ(unfinished->front().settings.front().after, 2);
    const auto backup = keeper_->trail().backup(unfinished->front().backup.value());
    EXPECT_EQ(backup->policy, std::string(kAuditSubcategories, '0'));
  };
  const auto outcome = keeper_->change(failures_on(kAuditConnection));
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(system_.sets, 1);
  EXPECT_EQ(outcome->change.state, AuditState::kDone);
  EXPECT_EQ(outcome->policy.at(kAuditConnection), kFailures);
  EXPECT_EQ(system_.policy.at(kAuditConnection), kFailures);
  ASSERT_EQ(changes().size(), 1U);
  EXPECT_EQ(changes().front().who, "token:me");
}

TEST_F(Keeper, WhatCannotBeWrittenDownIsNotMade) {
  SQLite::Database(folder_.path("trail"), SQLite::OPEN_READWRITE).exec("DROP TABLE setting");
  const auto outcome = keeper_->change(failures_on(kAuditConnection));
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(system_.sets, 0);
}

TEST_F(Keeper, WritesDownSomeRefusalsAMinuteAndCountsTheRest) {
  for (int i = 0; i < 100; ++i) {
    keeper_->note_refusal({0, now(), "PUT /x", "user:uid 7", "127.0.0.1", "uid 7", "", 401, 0});
  }
  const auto kept = keeper_->trail().refusals({0, 1000}).value();
  EXPECT_EQ(kept.size(), 30U);
  EXPECT_EQ(kept.front().counted, 0);
  ASSERT_TRUE(keeper_->look());
  EXPECT_EQ(keeper_->trail().refusals({0, 1000})->size(), 30U) << "the minute is not over";
  EXPECT_TRUE(changes().empty());
}

TEST_F(Keeper, RefusesAlsoWhatItCannotWriteDown) {
  SQLite::Database(folder_.path("trail"), SQLite::OPEN_READWRITE).exec("DROP TABLE refusal");
  keeper_->note_refusal({0, now(), "PUT /x", "", "", "", "", 401, 0});
  EXPECT_EQ(system_.sets, 0);
}

TEST_F(Keeper, TellsWhetherTheTrailIsWhole) {
  ASSERT_TRUE(keeper_->change(failures_on(kAuditConnection)));
  const auto before = keeper_->check_chain();
  ASSERT_TRUE(before);
  EXPECT_EQ(before->fault, "");
  SQLite::Database(folder_.path("trail"), SQLite::OPEN_READWRITE)
      .exec("UPDATE change SET who = 'x'");
  EXPECT_EQ(keeper_->check_chain()->fault, "") << "read within the last minute";
  ASSERT_TRUE(keeper_->change(failures_on(kAuditPacketDrop)));
  EXPECT_EQ(keeper_->check_chain()->fault, "change 1 was changed");
}

TEST_F(Keeper, WhatCannotBeLockedIsNotMade) {
  std::filesystem::create_directory(folder_.path("trail.lock"));
  const auto outcome = keeper_->change(failures_on(kAuditConnection));
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(outcome.error().message, testing::Not(testing::HasSubstr("trail.lock")));
  EXPECT_EQ(system_.sets, 0);
}

TEST_F(Keeper, AStopDoesNotWaitForAnotherProgram) {
  const auto held = StoreLock::acquire(folder_.path("trail.lock"));
  ASSERT_TRUE(held);
  const auto begin = std::chrono::steady_clock::now();
  keeper_->start({});
  keeper_->stop();
  EXPECT_EQ(keeper_->change(failures_on(kAuditConnection)).error().code, ErrorCode::kUnavailable);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(4));
}

TEST_F(Keeper, WhatTheSystemRefusesIsInTheTrail) {
  system_.set_error = Error{ErrorCode::kPermission, "the right is missing"};
  const auto outcome = keeper_->change(failures_on(kAuditConnection));
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, ErrorCode::kPermission);
  EXPECT_EQ(changes().front().state, AuditState::kFailed);
  EXPECT_EQ(changes().front().error, "the right is missing");
  // The cause of an inner fault is for the log.
  system_.set_error = Error{ErrorCode::kIo, "/secret/path"};
  EXPECT_FALSE(keeper_->change(failures_on(kAuditConnection)));
  EXPECT_THAT(changes().front().error, testing::Not(testing::HasSubstr("secret")));
}

TEST_F(Keeper, ASystemThatForgetsIsAConflict) {
  system_.forgets = true;
  const auto outcome = keeper_->change(failures_on(kAuditConnection));
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, ErrorCode::kConflict);
  EXPECT_EQ(changes().front().state, AuditState::kFailed);
}

TEST_F(Keeper, AKnownConflictIsToldBeforeTheChange) {
  system_.conflict = "a policy overwrites it";
  const auto outcome = keeper_->change(failures_on(kAuditConnection));
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, ErrorCode::kConflict);
  EXPECT_EQ(system_.sets, 0);
  EXPECT_EQ(keeper_->view()->conflict, "a policy overwrites it");
}

TEST_F(Keeper, ADryRunLeavesNothing) {
  auto request = failures_on(kAuditConnection);
  request.dry_run = true;
  const auto outcome = keeper_->change(request);
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->change.id, 0);
  EXPECT_EQ(outcome->change.settings.front().after, 2);
  EXPECT_EQ(system_.sets, 0);
  EXPECT_TRUE(changes().empty());
}

TEST_F(Keeper, AChangeForAnotherPolicyIsStale) {
  auto request = failures_on(kAuditConnection);
  request.seen = {to_digits(system_.policy)};
  ASSERT_FALSE(keeper_->change(request)->stale);
  EXPECT_TRUE(keeper_->change(request)->stale);
  EXPECT_EQ(system_.sets, 1);
  request.seen = {"nonsense", to_digits(system_.policy)};
  EXPECT_FALSE(keeper_->change(request)->stale);
}

TEST_F(Keeper, AnUnknownSubcategoryIsTheCallersFault) {
  system_.policy.at(kAuditConnection).reset();
  EXPECT_EQ(keeper_->change(failures_on(kAuditConnection)).error().code,
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(system_.sets, 0);
}

TEST_F(Keeper, WhatWasInterruptedBeforeTheChangeHasFailed) {
  left_behind({kAuditConnection, 0, 2}, false);
  ASSERT_TRUE(keeper_->look());
  EXPECT_EQ(changes().front().state, AuditState::kFailed);
  EXPECT_EQ(system_.sets, 0);
}

TEST_F(Keeper, WhatWasInterruptedAfterTheChangeIsDoneAndReverted) {
  system_.policy.at(kAuditConnection) = kFailures;
  left_behind({kAuditConnection, 0, 2}, false);
  ASSERT_TRUE(keeper_->look());
  EXPECT_EQ(system_.policy.at(kAuditConnection), kOff);
  ASSERT_EQ(changes().size(), 2U);
  EXPECT_EQ(changes()[0].cause, AuditCause::kRevert);
  EXPECT_EQ(changes()[0].reverts, changes()[1].id);
  EXPECT_EQ(changes()[1].state, AuditState::kReverted);
}

TEST_F(Keeper, ItsThreadRevertsWhatIsDue) {
  system_.policy.at(kAuditConnection) = kFailures;
  left_behind({kAuditConnection, 0, 2}, true);
  std::vector<AuditCause> heard;
  keeper_->start([&](const AuditChangeRecord& change) { heard.push_back(change.cause); });
  EXPECT_TRUE(eventually([&] { return changes().back().state == AuditState::kReverted; }));
  // One that begins while it waits for the next minute is seen in time as well.
  auto request = failures_on(kAuditPacketDrop);
  request.revert_after = std::chrono::seconds(1);
  ASSERT_TRUE(keeper_->change(request));
  EXPECT_TRUE(eventually([&] { return changes()[1].state == AuditState::kReverted; }));
  keeper_->stop();
  EXPECT_THAT(heard, ElementsAre(AuditCause::kRevert, AuditCause::kSet, AuditCause::kRevert));
  EXPECT_EQ(system_.policy.at(kAuditPacketDrop), kOff);
}

TEST_F(Keeper, ARevertKeepsWhatSomebodyElseChanged) {
  system_.policy.at(kAuditConnection) = kFailures;
  left_behind({kAuditConnection, 0, 2}, true);
  system_.policy.at(kAuditConnection) = kBoth;
  ASSERT_TRUE(keeper_->look());
  EXPECT_EQ(system_.policy.at(kAuditConnection), kBoth);
  ASSERT_EQ(changes().size(), 2U);
  EXPECT_EQ(changes()[0].cause, AuditCause::kOutside);
  EXPECT_EQ(changes()[0].who, "outside");
  EXPECT_EQ(changes()[0].settings.front().before, 2);
  EXPECT_EQ(changes()[0].settings.front().after, 3);
  EXPECT_EQ(changes()[1].settings.front().revert, AuditRevert::kKept);
}

TEST_F(Keeper, ARevertThatFailsIsTriedLater) {
  system_.policy.at(kAuditConnection) = kFailures;
  left_behind({kAuditConnection, 0, 2}, true);
  system_.set_error = Error{ErrorCode::kPermission, "no"};
  EXPECT_FALSE(keeper_->look());
  EXPECT_TRUE(keeper_->look());  // it pauses
  EXPECT_EQ(system_.sets, 1);
  EXPECT_EQ(changes()[1].settings.front().revert, AuditRevert::kPending);
  system_.set_error.reset();
  keeper_ = make_keeper();
  EXPECT_TRUE(keeper_->look());
  EXPECT_EQ(system_.policy.at(kAuditConnection), kOff);
}

TEST_F(Keeper, ARevertThatFailsStopsNoOther) {
  system_.policy.at(kAuditConnection) = system_.policy.at(kAuditPacketDrop) = kFailures;
  left_behind({kAuditConnection, 0, 2}, true);
  left_behind({kAuditPacketDrop, 0, 2}, true);
  system_.set_error = Error{ErrorCode::kPermission, "no"};
  system_.refused = kAuditConnection;
  EXPECT_EQ(keeper_->look().error().message, "no");
  EXPECT_EQ(system_.policy.at(kAuditConnection), kFailures);
  EXPECT_EQ(system_.policy.at(kAuditPacketDrop), kOff);
  EXPECT_TRUE(keeper_->look());
  EXPECT_EQ(system_.sets, 2) << "it pauses all the same";
}

TEST_F(Keeper, WhatChangedDuringAChangeIsNoticed) {
  ASSERT_TRUE(keeper_->look());
  system_.before_set = [this] { system_.policy.at(kAuditPacketDrop) = kBoth; };
  ASSERT_TRUE(keeper_->change(failures_on(kAuditConnection)));
  ASSERT_TRUE(keeper_->look());
  ASSERT_TRUE(keeper_->look());
  ASSERT_EQ(changes().size(), 2U);
  EXPECT_EQ(changes()[0].cause, AuditCause::kOutside);
  ASSERT_EQ(changes()[0].settings.size(), 1U);
  EXPECT_EQ(changes()[0].settings[0].subcategory, kAuditPacketDrop);
}

TEST_F(Keeper, WhatChangedWhileAChangeWasInterruptedIsNoticed) {
  ASSERT_TRUE(keeper_->look());
  for (const bool made : {false, true}) {
    left_behind({kAuditConnection, 0, 2}, false);
    if (made) system_.policy.at(kAuditConnection) = kFailures;
    system_.policy.at(kAuditPacketDrop) = made ? kFailures : kBoth;
    ASSERT_TRUE(keeper_->look());
    const auto all = changes();
    const auto outside = std::ranges::find(all, AuditCause::kOutside, &AuditChangeRecord::cause);
    ASSERT_NE(outside, all.end());
    ASSERT_EQ(outside->settings.size(), 1U);
    EXPECT_EQ(outside->settings[0].subcategory, kAuditPacketDrop);
    EXPECT_EQ(outside->settings[0].after, made ? 2 : 3);
  }
}

TEST_F(Keeper, NoticesWhatChangedWhileItWasAway) {
  ASSERT_TRUE(keeper_->look());
  EXPECT_TRUE(changes().empty());
  system_.policy.at(kAuditPacketDrop) = kBoth;
  keeper_ = make_keeper();
  ASSERT_TRUE(keeper_->look());
  ASSERT_TRUE(keeper_->look());
  ASSERT_EQ(changes().size(), 1U);
  EXPECT_EQ(changes()[0].cause, AuditCause::kOutside);
  ASSERT_EQ(changes()[0].settings.size(), 1U);
  EXPECT_EQ(changes()[0].settings[0].subcategory, kAuditPacketDrop);
}

TEST_F(Keeper, TwoProgramsKnowOfEachOther) {
  const auto other = make_keeper();
  ASSERT_TRUE(other->look());
  ASSERT_TRUE(keeper_->change(failures_on(kAuditConnection)));
  ASSERT_TRUE(other->change(failures_on(kAuditPacketDrop)));
  ASSERT_TRUE(keeper_->look());
  EXPECT_EQ(changes().size(), 2U);
}

TEST_F(Keeper, ABackupGivesBackEverything) {
  system_.policy.at(kAuditConnection) = kBoth;
  const auto backup = keeper_->back_up("me");
  ASSERT_TRUE(backup);
  ASSERT_TRUE(keeper_->change(failures_on(kAuditPacketDrop)));
  AuditRequest request;
  request.wishes = wishes_of(parse_digits(backup->policy).value());
  request.restores = backup->id;
  const auto outcome = keeper_->change(request);
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->change.cause, AuditCause::kRestore);
  EXPECT_EQ(outcome->change.settings.size(), kAuditSubcategories);
  EXPECT_EQ(to_digits(system_.policy), backup->policy);
}

}  // namespace
}  // namespace blockwatch
