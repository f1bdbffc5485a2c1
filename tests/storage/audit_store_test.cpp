#include "storage/audit_store.h"

#include <SQLiteCpp/Database.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/event_store.h"
#include "tests/support/temp_dir.h"

namespace blockwatch {
namespace {

using testing::ElementsAre;

template <class List>
std::vector<std::int64_t> ids_of(const List& list) {
  std::vector<std::int64_t> ids;
  for (const auto& one : list.value()) ids.push_back(one.id);
  return ids;
}

class AuditTrail : public testing::Test {
 protected:
  void SetUp() override { reopen(); }

  void reopen() {
    store_.reset();
    auto opened = AuditStore::open(folder_.path("trail"));
    ASSERT_TRUE(opened) << opened.error().message;
    store_ = std::move(*opened);
  }

  // A change of one or two subcategories, stored as started.
  AuditChangeRecord begin(std::vector<AuditSettingRecord> settings, bool temporary = false) {
    AuditChangeRecord change;
    change.time = {1000};
    change.who = "token:me";
    change.settings = std::move(settings);
    if (temporary) change.revert_time = Timestamp{2000};
    EXPECT_TRUE(store_->begin(change, "before"));
    return change;
  }

  AuditChangeRecord done(std::vector<AuditSettingRecord> settings, bool temporary = false) {
    auto change = begin(std::move(settings), temporary);
    EXPECT_TRUE(store_->finish(change, AuditState::kDone, {}, "after"));
    return store_->change(change.id).value();
  }

  std::vector<AuditRevert> reverts_of(std::int64_t id) {
    std::vector<AuditRevert> reverts;
    const auto change = store_->change(id);
    for (const auto& setting : change.value().settings) reverts.push_back(setting.revert);
    return reverts;
  }

  TempDir folder_;
  std::unique_ptr<AuditStore> store_;
};

TEST_F(AuditTrail, KeepsEverythingOfAChange) {
  AuditChangeRecord change;
  change.time = {1000};
  change.who = "token:me";
  change.client = "127.0.0.1";
  change.cause = AuditCause::kRestore;
  change.restores = 7;
  change.revert_time = Timestamp{5000};
  change.settings = {{3, 0, 2}, {21, 1, 3}};
  ASSERT_TRUE(store_->begin(change, "0123"));
  reopen();
  const auto unfinished = store_->unfinished();
  ASSERT_TRUE(unfinished);
  ASSERT_EQ(unfinished->size(), 1U);
  const AuditChangeRecord& kept = unfinished->front();
  EXPECT_EQ(kept.id, change.id);
  EXPECT_EQ(kept.time, change.time);
  EXPECT_EQ(kept.who, "token:me");
  EXPECT_EQ(kept.client, "127.0.0.1");
  EXPECT_EQ(kept.cause, AuditCause::kRestore);
  EXPECT_EQ(kept.state, AuditState::kStarted);
  EXPECT_EQ(kept.restores, 7);
  EXPECT_EQ(kept.reverts, std::nullopt);
  EXPECT_EQ(kept.revert_time, change.revert_time);
  ASSERT_EQ(kept.settings.size(), 2U);
  EXPECT_EQ(kept.settings[1].subcategory, 21);
  EXPECT_EQ(kept.settings[1].before, 1);
  EXPECT_EQ(kept.settings[1].after, 3);
  EXPECT_EQ(kept.settings[1].revert, AuditRevert::kNone);
  const auto backup = store_->backup(kept.backup.value());
  ASSERT_TRUE(backup);
  EXPECT_EQ(backup->policy, "0123");
  EXPECT_EQ(backup->who, "token:me");
}

TEST_F(AuditTrail, AFailedChangeLeavesNoRevert) {
  const auto change = begin({{3, 0, 2}}, true);
  ASSERT_TRUE(store_->finish(change, AuditState::kFailed, "why", "now"));
  EXPECT_EQ(store_->change(change.id)->error, "why");
  EXPECT_EQ(store_->change(change.id)->state, AuditState::kFailed);
  EXPECT_TRUE(store_->pending_reverts()->empty());
  EXPECT_TRUE(store_->unfinished()->empty());
  EXPECT_EQ(store_->last_policy(), "now");
}

TEST_F(AuditTrail, ARevertEndsTheRevert) {
  const auto change = done({{3, 0, 2}, {4, 1, 2}}, true);
  EXPECT_THAT(reverts_of(change.id), ElementsAre(AuditRevert::kPending, AuditRevert::kPending));
  AuditChangeRecord revert;
  revert.cause = AuditCause::kRevert;
  revert.reverts = change.id;
  revert.settings = {{3, 2, 0}, {4, 2, 1}};
  ASSERT_TRUE(store_->begin(revert, "x"));
  // The program may end here: the revert is still to come.
  EXPECT_EQ(store_->pending_reverts()->size(), 1U);
  ASSERT_TRUE(store_->finish(revert, AuditState::kDone, {}, "x"));
  EXPECT_TRUE(store_->pending_reverts()->empty());
  EXPECT_EQ(store_->change(change.id)->state, AuditState::kReverted);
  EXPECT_THAT(reverts_of(change.id), ElementsAre(AuditRevert::kDone, AuditRevert::kDone));
  EXPECT_EQ(store_->change(revert.id)->state, AuditState::kDone);
}

TEST_F(AuditTrail, ALaterChangeOfTheSameIsKept) {
  const auto change = done({{3, 0, 2}, {4, 1, 2}}, true);
  AuditChangeRecord outside;
  outside.cause = AuditCause::kOutside;
  outside.settings = {{4, 2, 3}};
  ASSERT_TRUE(store_->add_done(outside, "x"));
  EXPECT_THAT(reverts_of(change.id), ElementsAre(AuditRevert::kPending, AuditRevert::kKept));
  EXPECT_EQ(store_->change(change.id)->state, AuditState::kDone);
  EXPECT_THAT(reverts_of(outside.id), ElementsAre(AuditRevert::kNone));
}

TEST_F(AuditTrail, AnExtensionGoesBackToWhereTheFirstBegan) {
  const auto first = done({{3, 0, 2}, {4, 1, 2}}, true);
  const auto second = done({{3, 2, 2}}, true);
  EXPECT_THAT(reverts_of(first.id), ElementsAre(AuditRevert::kKept, AuditRevert::kPending));
  EXPECT_THAT(reverts_of(second.id), ElementsAre(AuditRevert::kPending));
  EXPECT_EQ(second.settings[0].before, 2);
  EXPECT_EQ(second.settings[0].revert_to, 0);
  const auto for_good = done({{3, 2, 2}});
  EXPECT_THAT(reverts_of(second.id), ElementsAre(AuditRevert::kKept));
  EXPECT_THAT(reverts_of(for_good.id), ElementsAre(AuditRevert::kNone));
}

TEST_F(AuditTrail, ListsPageFromTheNewest) {
  for (int i = 0; i < 5; ++i) done({{3, 0, 2}});
  ASSERT_TRUE(store_->add_backup({0, {1}, "me", "p"}));
  EXPECT_THAT(ids_of(store_->changes({0, 2})), ElementsAre(5, 4));
  EXPECT_THAT(ids_of(store_->changes({4, 100})), ElementsAre(3, 2, 1));
  EXPECT_THAT(ids_of(store_->backups({0, 2})), ElementsAre(6, 5));
  EXPECT_EQ(store_->change(6).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(store_->backup(7).error().code, ErrorCode::kNotFound);
}

TEST_F(AuditTrail, KeepsTheNewestAndWhatIsPending) {
  store_.reset();
  auto opened = AuditStore::open(folder_.path("trail"), 3);
  ASSERT_TRUE(opened);
  store_ = std::move(*opened);
  const auto pending = done({{3, 0, 2}}, true);
  const auto extended = done({{4, 0, 2}}, true);
  const auto extension = done({{4, 2, 2}}, true);
  const auto started = begin({{5, 0, 2}});
  ASSERT_TRUE(store_->add_backup({0, {1}, "me", "by hand"}));
  std::int64_t last = 0;
  for (int i = 0; i < 5; ++i) last = done({{6, 0, 2}}).id;
  EXPECT_THAT(ids_of(store_->changes({})),
              ElementsAre(last, last - 1, last - 2, started.id, extension.id, pending.id));
  EXPECT_EQ(store_->change(extended.id).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(reverts_of(pending.id), std::vector{AuditRevert::kPending});
  // The backups of those changes, and no other older ones.
  EXPECT_THAT(ids_of(store_->backups({})),
              ElementsAre(10, 9, 8, *started.backup, *extension.backup, *pending.backup));
  // Settings of changes that are gone are gone, too.
  SQLite::Database db(folder_.path("trail"));
  EXPECT_EQ(db.execAndGet("SELECT count(DISTINCT change) FROM setting").getInt(), 6);
}

TEST_F(AuditTrail, NumbersThatMeanNothingAreDamage) {
  const auto change = done({{3, 0, 2}});
  for (const char* damage : {"UPDATE change SET cause = 9", "UPDATE change SET state = -1",
                             "UPDATE setting SET subcategory = 59", "UPDATE setting SET after = 4",
                             "UPDATE setting SET before = 260", "UPDATE setting SET revert = 4"}) {
    SQLite::Database db(folder_.path("trail"), SQLite::OPEN_READWRITE);
    db.exec(damage);
    EXPECT_EQ(store_->changes({}).error().code, ErrorCode::kCorrupt) << damage;
    db.exec("UPDATE change SET cause = 0, state = 1");
    db.exec("UPDATE setting SET subcategory = 3, before = 0, after = 2, revert = 0");
    ASSERT_TRUE(store_->change(change.id));
  }
}

TEST_F(AuditTrail, TwoProcessesMayUseIt) {
  auto second = AuditStore::open(folder_.path("trail"));
  ASSERT_TRUE(second);
  EXPECT_EQ(store_->last_policy(), "");
  ASSERT_TRUE((*second)->set_last_policy("new"));
  EXPECT_EQ(store_->last_policy(), "new");
}

TEST_F(AuditTrail, OneThatWasEmptiedOrDeletedIsNotBegunAnew) {
  const auto id = done({{3, 0, 2}}).id;
  store_.reset();
  std::filesystem::rename(folder_.path("trail"), folder_.path("copy"));
  folder_.write("trail", "");
  const auto refused = [&] {
    auto trail = AuditStore::open_later(folder_.path("trail"));
    const auto changes = trail->changes({});
    EXPECT_TRUE(trail->fails());
    return !changes && changes.error().code == ErrorCode::kCorrupt;
  };
  EXPECT_TRUE(refused());
  EXPECT_TRUE(refused()) << "the first look made it whole";
  std::filesystem::remove(folder_.path("trail"));
  EXPECT_TRUE(refused());
  std::filesystem::rename(folder_.path("copy"), folder_.path("trail"));
  reopen();
  EXPECT_THAT(ids_of(store_->changes({})), ElementsAre(id));
}

TEST_F(AuditTrail, AnEmptyFileThatWasNeverATrailBecomesOne) {
  folder_.write("empty", "");
  auto trail = AuditStore::open(folder_.path("empty"));
  ASSERT_TRUE(trail);
  EXPECT_TRUE((*trail)->set_last_policy("new"));
}

TEST_F(AuditTrail, RefusesOtherFiles) {
  ASSERT_TRUE(Store::open({folder_.path("events.db")}));
  EXPECT_EQ(AuditStore::open(folder_.path("events.db")).error().code, ErrorCode::kCorrupt);
  folder_.write("text", "this is no database, and it is long enough to be looked at at all......");
  EXPECT_EQ(AuditStore::open(folder_.path("text")).error().code, ErrorCode::kCorrupt);
  EXPECT_FALSE(AuditStore::open(folder_.path("no/such/folder")));
}

}  // namespace
}  // namespace blockwatch
