// The journal of the trail: whatever is edited, put in or taken out afterwards is noticed, and what
// grows old goes without being taken for that.

#include <SQLiteCpp/SQLiteCpp.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/audit_store.h"
#include "tests/support/temp_dir.h"

namespace blockwatch {
namespace {

const std::string kZeros(64, '0');

// Where mingw's library is used, copy_file() cannot overwrite.
void replace(const std::filesystem::path& from, const std::filesystem::path& to) {
  std::filesystem::remove(to);
  std::filesystem::copy_file(from, to);
}

class AuditChainTest : public testing::Test {
 protected:
  void SetUp() override { open(kKeptAuditEntries); }

  void open(std::int64_t keep) {
    store_.reset();
    auto opened = AuditStore::open(path(), keep);
    ASSERT_TRUE(opened) << opened.error().message;
    store_ = std::move(*opened);
  }

  std::string path() const { return folder_.path("trail"); }

  AuditChangeRecord begin(std::optional<std::int64_t> reverts = {}, bool temporary = false) {
    AuditChangeRecord change;
    change.time = {1000};
    change.who = "token:me";
    change.client = "127.0.0.1";
    change.peer = "uid 7";
    change.token_id = "0123456789ab";
    change.settings = {{3, 0, 2}};
    change.reverts = reverts;
    if (temporary) change.revert_time = Timestamp{2000};
    EXPECT_TRUE(store_->begin(change, "before"));
    return change;
  }
  std::int64_t done(std::optional<std::int64_t> reverts = {}, bool temporary = false) {
    const auto change = begin(reverts, temporary);
    EXPECT_TRUE(store_->finish(change, AuditState::kDone, {}, "after"));
    return change.id;
  }
  void refuse(const std::string& operation = "PUT /x") {
    AuditRefusal refusal{0, {1000}, operation, "user:uid 7", "127.0.0.1", "uid 7", "", 401, 0};
    EXPECT_TRUE(store_->add_refusal(refusal));
  }
  // One of everything: done, failed, started, put back, a backup, refusals.
  void fill() {
    const auto first = done({}, true);
    done(first);
    const auto failed = begin();
    EXPECT_TRUE(store_->finish(failed, AuditState::kFailed, "not allowed", "after"));
    EXPECT_TRUE(store_->add_backup({0, {1}, "me", "by hand"}));
    AuditChangeRecord outside;
    outside.who = "outside";
    outside.settings = {{4, 2, 0}};
    EXPECT_TRUE(store_->add_done(outside, "after"));
    begin();
    refuse();
    refuse("PATCH /y");
    refuse();
  }
  std::string fault() {
    const auto report = store_->check_chain();
    return report ? report->fault : report.error().message;
  }
  void edit(const std::string& sql) { SQLite::Database(path(), SQLite::OPEN_READWRITE).exec(sql); }

  TempDir folder_;
  std::unique_ptr<AuditStore> store_;
};

TEST_F(AuditChainTest, IsIntactWithoutAnything) {
  const auto report = store_->check_chain();
  ASSERT_TRUE(report);
  EXPECT_EQ(report->fault, "");
  EXPECT_EQ(report->entries, 0);
  EXPECT_EQ(report->first_hash, kZeros);
  EXPECT_EQ(report->last_hash, kZeros);
}

TEST_F(AuditChainTest, GoesOnOverChangesAndOpenings) {
  fill();
  const auto report = store_->check_chain();
  ASSERT_TRUE(report);
  EXPECT_EQ(report->fault, "");
  EXPECT_EQ(report->entries, 14);  // 5 backups, 5 beginnings, 4 ends
  EXPECT_EQ(report->refusals, 3);
  EXPECT_NE(report->last_hash, kZeros);
  EXPECT_EQ(store_->chain_head().value(), report->last_hash);
  open(kKeptAuditEntries);
  EXPECT_EQ(store_->check_chain()->last_hash, report->last_hash);
  done();
  EXPECT_EQ(fault(), "");
  EXPECT_NE(store_->chain_head().value(), report->last_hash);
}

TEST_F(AuditChainTest, NoticesWhatWasEditedAddedOrRemoved) {
  fill();
  ASSERT_EQ(fault(), "");
  for (const char* sql : {
           "UPDATE change SET who = 'token:you' WHERE id = 1",
           "UPDATE change SET client = '' WHERE id = 1",
           "UPDATE change SET peer = 'uid 8' WHERE id = 1",
           "UPDATE change SET token_id = '' WHERE id = 1",
           "UPDATE change SET time = 1001 WHERE id = 1",
           "UPDATE change SET cause = 3 WHERE id = 2",
           "UPDATE change SET reverts = NULL WHERE id = 2",
           "UPDATE change SET revert_time = NULL WHERE id = 1",
           "UPDATE change SET state = 2 WHERE id = 2",
           "UPDATE change SET state = 3 WHERE id = 2",
           "UPDATE change SET state = 1 WHERE id = 5",
           "UPDATE change SET error = '' WHERE id = 3",
           "UPDATE setting SET after = 1 WHERE change = 2",
           "DELETE FROM setting WHERE change = 3",
           "DELETE FROM change WHERE id = 1",
           "DELETE FROM change WHERE id = 5",
           "INSERT INTO change SELECT 9, time, who, client, cause, 1, backup, restores, reverts, "
           "revert_time, error, peer, token_id FROM change WHERE id = 3",
           "UPDATE backup SET policy = 'other' WHERE id = 1",
           "DELETE FROM backup WHERE id = 4",
           "UPDATE entry SET text = x'30' WHERE id = 2",
           "UPDATE entry SET subject = 2 WHERE id = 2",
           "UPDATE entry SET hash = '' WHERE id = 2",
           "DELETE FROM entry WHERE id = 2",
           "DELETE FROM entry WHERE id = 1",
           "DELETE FROM entry WHERE id = (SELECT max(id) FROM entry)",
           "DELETE FROM entry; DELETE FROM change",
           "UPDATE refusal SET status = 200 WHERE id = 1",
           "UPDATE refusal SET counted = 1 WHERE id = 3",
           "DELETE FROM refusal WHERE id = 2",
           "DELETE FROM refusal WHERE id = 3",
           "INSERT OR REPLACE INTO anchor VALUES(0, 0, 'x')",
       }) {
    store_.reset();
    replace(path(), folder_.path("kept"));
    edit(sql);
    open(kKeptAuditEntries);
    EXPECT_NE(fault(), "") << sql;
    store_.reset();
    replace(folder_.path("kept"), path());
    open(kKeptAuditEntries);
    ASSERT_EQ(fault(), "");
  }
}

// The one part of the trail that the server still acts on.
TEST_F(AuditChainTest, NoticesWhatWasEditedOfTheReverts) {
  const auto change = [&](AuditSettingRecord setting, bool temporary) {
    AuditChangeRecord record;
    record.settings = {setting};
    if (temporary) record.revert_time = Timestamp{2000};
    EXPECT_TRUE(store_->begin(record, "before"));
    EXPECT_TRUE(store_->finish(record, AuditState::kDone, {}, "after"));
    return record.id;
  };
  const auto first = done({}, true);
  done(first);                  // 2: its revert
  change({3, 2, 0}, true);      // 3: kept, as the next goes on from it
  change({3, 0, 1}, true);      // 4: goes back to 2
  change({7, 1, 3}, false);     // 5: for good
  change({8, 1, 3}, true);      // 6: kept
  change({8, 3, 0}, false);     // 7
  begin();                      // 8: started
  const auto failed = begin();  // 9
  EXPECT_TRUE(store_->finish(failed, AuditState::kFailed, "not allowed", "after"));
  ASSERT_EQ(fault(), "");
  ASSERT_EQ(store_->change(4)->settings.front().revert_to, 2);
  for (const char* sql : {
           "SET revert_to = 0 WHERE change = 4",
           "SET revert_to = 0 WHERE change = 6",
           "SET revert_to = 1 WHERE change = 8",
           "SET revert = 3 WHERE change = 1",
           "SET revert = 1 WHERE change = 2",
           "SET revert = 1 WHERE change = 3",
           "SET revert = 3 WHERE change = 4",
           "SET revert = 0 WHERE change = 4",
           "SET revert = 1 WHERE change = 5",
           "SET revert = 2 WHERE change = 6",
           "SET revert = 1 WHERE change = 9",
       }) {
    store_.reset();
    replace(path(), folder_.path("kept"));
    edit("UPDATE setting " + std::string(sql));
    open(kKeptAuditEntries);
    EXPECT_THAT(fault(), testing::StartsWith("what is to be put back of change ")) << sql;
    store_.reset();
    replace(folder_.path("kept"), path());
    open(kKeptAuditEntries);
    ASSERT_EQ(fault(), "");
  }
}

TEST_F(AuditChainTest, SaysWhichOneItWas) {
  fill();
  edit("UPDATE change SET who = 'x' WHERE id = 2");
  EXPECT_EQ(fault(), "change 2 was changed");
  edit("DELETE FROM entry WHERE id = 7");
  EXPECT_EQ(fault(), "entry 7 is missing");
}

TEST_F(AuditChainTest, ForgetsTheOldestWithoutAFault) {
  open(3);
  done({}, true);  // pending for ever
  for (int i = 0; i < 20; ++i) {
    done();
    ASSERT_EQ(fault(), "") << i;
  }
  begin();
  const auto report = store_->check_chain();
  EXPECT_EQ(report->fault, "");
  EXPECT_LT(report->entries, 12);
  EXPECT_NE(report->first_hash, kZeros);
  open(kKeptAuditEntries);
  EXPECT_EQ(fault(), "");
  edit("DELETE FROM change WHERE id = 20");
  EXPECT_NE(fault(), "");
}

// Else whoever may make backups could fill the disk with its entries.
TEST_F(AuditChainTest, IsBoundedWithoutNewChanges) {
  open(3);
  const auto first = done({}, true);
  done(first);
  done({}, true);
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(store_->add_backup({0, {1}, "me", "by hand"}));
  const auto report = store_->check_chain();
  ASSERT_TRUE(report);
  EXPECT_EQ(report->fault, "");
  EXPECT_EQ(report->entries, 24);
  EXPECT_TRUE(store_->change(first));
  done();
  EXPECT_EQ(fault(), "");
}

TEST_F(AuditChainTest, ForgetsWhatBeganARevertThatIsStillToCome) {
  open(3);
  AuditChangeRecord old;
  old.settings = {{9, 1, 3}};
  old.revert_time = Timestamp{2000};
  ASSERT_TRUE(store_->begin(old, "before"));
  ASSERT_TRUE(store_->finish(old, AuditState::kDone, {}, "after"));
  for (int i = 0; i < 20; ++i) done();
  ASSERT_EQ(store_->pending_reverts()->size(), 1U);
  EXPECT_EQ(fault(), "");
  AuditChangeRecord back;
  back.settings = {{9, 3, 1}};
  back.reverts = old.id;
  ASSERT_TRUE(store_->begin(back, "before"));
  ASSERT_TRUE(store_->finish(back, AuditState::kDone, {}, "after"));
  EXPECT_EQ(fault(), "");
  done();
  EXPECT_EQ(fault(), "");
}

TEST_F(AuditChainTest, KeepsRefusalsApart) {
  constexpr std::int64_t kKept = 20;
  open(kKept);
  done();
  const auto changes = store_->chain_head().value();
  for (std::int64_t i = 0; i < kKept + 50; ++i) refuse("PUT /" + std::to_string(i));
  EXPECT_EQ(store_->chain_head().value(), changes);
  const auto report = store_->check_chain();
  EXPECT_EQ(report->fault, "");
  EXPECT_EQ(report->refusals, kKept);
  const auto newest = store_->refusals({0, 2}).value();
  ASSERT_EQ(newest.size(), 2U);
  EXPECT_EQ(newest[0].operation, "PUT /69");
  EXPECT_EQ(newest[0].peer, "uid 7");
  EXPECT_EQ(newest[1].id, newest[0].id - 1);
  EXPECT_EQ(store_->refusals({newest[1].id, 1}).value().front().id, newest[1].id - 1);
}

TEST_F(AuditChainTest, SealsWhatAnOlderVersionLeft) {
  fill();
  store_.reset();
  // As the first version had it.
  edit(
      "DROP TABLE entry; DROP TABLE refusal; DROP TABLE anchor; "
      "ALTER TABLE change DROP COLUMN peer; ALTER TABLE change DROP COLUMN token_id; "
      "PRAGMA user_version = 1");
  open(kKeptAuditEntries);
  const auto report = store_->check_chain();
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->fault, "");
  EXPECT_EQ(report->entries, 14);
  EXPECT_EQ(store_->changes({}).value().size(), 5U);
  edit("UPDATE change SET who = 'x' WHERE id = 2");
  EXPECT_EQ(fault(), "change 2 was changed");
}

}  // namespace
}  // namespace blockwatch
