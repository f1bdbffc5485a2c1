// A copy made while the store is written: whole, of one moment, and fit to go on from.

#include "storage/backup.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "storage/audit_store.h"
#include "storage/event_store.h"
#include "storage/place_lock.h"
#include "storage/sqlite_internal.h"
#include "tests/storage/store_test_support.h"
#include "tests/support/eventually.h"
#include "tests/support/temp_dir.h"

namespace blockwatch {
namespace {

namespace fs = std::filesystem;

class Backup : public testing::Test {
 protected:
  std::string path() const { return folder_.path("events.db"); }
  std::string target() const { return folder_.path("copy.db"); }
  // Batch n has the records n*100 to n*100+99, and the position n.
  static EventBatch batch(std::uint64_t n) {
    return records(n * 100, n * 100 + 99, std::to_string(n));
  }
  // That begin as the target.
  std::ptrdiff_t files() const {
    return std::count_if(
        fs::directory_iterator(folder_.path()), fs::directory_iterator(),
        [](const auto& entry) { return entry.path().filename().string().starts_with("copy"); });
  }
  TempDir folder_;
};

TEST_F(Backup, IsOneMomentOfAStoreThatIsWritten) {
  auto store = value_of(Store::open({path()}));
  for (std::uint64_t n = 0; n < 200; ++n) value_of(store->append(batch(n)));
  std::atomic<bool> end = false;
  std::atomic<std::uint64_t> next = 200;
  std::jthread source([&] {
    while (!end) {
      value_of(store->append(batch(next)));
      ++next;
    }
  });
  std::vector<std::string> copies;
  for (int i = 0; i < 4; ++i) {
    const std::uint64_t before = next;
    EXPECT_TRUE(eventually([&] { return next > before + 3; }));
    copies.push_back(folder_.path("copy" + std::to_string(i)));
    const auto report = value_of(back_up(path(), copies.back()));
    EXPECT_GE(report.rows, before * 100);
    EXPECT_EQ(report.bytes, fs::file_size(copies.back()));
    EXPECT_FALSE(report.audit_trail);
  }
  end = true;
  source.join();
  for (const std::string& copy : copies) {
    auto reader = value_of(StoreReader::open(copy));
    const auto status = value_of(reader->status());
    ASSERT_EQ(status.rows % 100, 0U) << "part of a commit";
    const std::uint64_t batches = status.rows / 100;
    ASSERT_EQ(value_of(reader->position("evtx:a")), std::to_string(batches - 1));
    for (std::uint64_t seq = 1; seq <= status.rows; seq += 997) {
      EXPECT_EQ(value_of(reader->event(seq)).events.at(0).record_id, seq - 1);
    }
    // It goes on where the copy was made; what is read again is not stored again.
    auto restored = value_of(Store::open({copy}));
    for (std::uint64_t n = batches - 2; n < next; ++n) value_of(restored->append(batch(n)));
    EXPECT_EQ(value_of(reader->status()).rows, next * 100);
  }
}

TEST_F(Backup, HoldsTheAuditTrailAndIsForItsOwnerOnly) {
  value_of(value_of(Store::open({path()}))->append(records(1, 10)));
  {
    auto trail = value_of(AuditStore::open(path() + ".audit"));
    value_of(trail->add_backup({0, now(), "somebody", std::string(59, '0')}));
  }
  const auto report = value_of(back_up(path(), target()));
  EXPECT_TRUE(report.audit_trail);
  EXPECT_EQ(report.rows, 10U);
  for (const std::string& file : {target(), target() + ".audit"}) {
#ifndef _WIN32
    EXPECT_EQ(fs::status(file).permissions(), fs::perms::owner_read | fs::perms::owner_write);
#endif
    EXPECT_FALSE(fs::exists(unfinished_backup(file)));
  }
  auto trail = value_of(AuditStore::open(target() + ".audit"));
  EXPECT_EQ(value_of(trail->backups({})).at(0).who, "somebody");
}

TEST_F(Backup, NothingIsOverwritten) {
  value_of(Store::open({path()}));
  for (const char* taken : {"copy.db", "copy.db.audit"}) {
    const std::string file = folder_.write(taken, "kept");
    const auto done = back_up(path(), target());
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, ErrorCode::kConflict);
    EXPECT_EQ(files(), 1);
    EXPECT_EQ(fs::file_size(file), 4U);
    fs::remove(file);
  }
  EXPECT_EQ(back_up(folder_.path("none.db"), target()).error().code, ErrorCode::kNotFound);
  EXPECT_FALSE(back_up(path(), folder_.path("no/folder.db")));
}

// In every state in which it can be killed.
TEST_F(Backup, WhatAKilledOneLeftIsCleared) {
  value_of(value_of(Store::open({path()}))->append(records(1, 10)));
  value_of(AuditStore::open(path() + ".audit"));
  const std::string copy = unfinished_backup("copy.db");
  const std::string trail = unfinished_backup("copy.db.audit");
  const std::vector<std::vector<std::string>> states{
      {copy + ".lock"},
      {copy + ".lock", copy},
      {copy + ".lock", copy, trail},
      {copy + ".lock", copy, "copy.db.audit"},  // between the two names
  };
  for (const auto& left : states) {
    SCOPED_TRACE(left.back());
    for (const std::string& name : left) folder_.write(name, "half");
    if (left.size() > 1) {
      clear_unfinished_backup(target());
      EXPECT_EQ(files(), 0);
      for (const std::string& name : left) folder_.write(name, "half");
    }
    EXPECT_TRUE(value_of(back_up(path(), target())).audit_trail);
    EXPECT_EQ(value_of(value_of(StoreReader::open(target()))->status()).rows, 10U);
    EXPECT_TRUE(AuditStore::open(target() + ".audit"));
    for (const char* suffix : {"", "-wal", "-shm", ".audit", ".audit.begun"}) {
      fs::remove(target() + suffix);
    }
    EXPECT_EQ(files(), 0);
  }
}

TEST_F(Backup, WhatAnotherIsAtWorkOnIsLeftAlone) {
  value_of(Store::open({path()}));
  const std::string part = folder_.write(unfinished_backup("copy.db"), "half");
  const auto other = value_of(PlaceLock::take(part, {}));
  const auto done = back_up(path(), target());
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ErrorCode::kConflict);
  clear_unfinished_backup(target());
  EXPECT_EQ(fs::file_size(part), 4U);
  EXPECT_FALSE(fs::exists(target()));
}

TEST_F(Backup, AStoppedOneLeavesNothing) {
  value_of(value_of(Store::open({path()}))->append(records(1, 5000)));
  const std::atomic<bool> stop = true;
  const auto done = back_up(path(), target(), &stop);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(files(), 0);
}

TEST_F(Backup, ADamagedStoreIsNotTakenForAWholeOne) {
  {
    auto store = value_of(Store::open({path()}));
    value_of(store->append(records(1, 20'000)));
    value_of(store->checkpoint());
  }
  const auto bytes = fs::file_size(path());
  std::fstream file(path(), std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(static_cast<std::streamoff>(bytes / 4096 / 2 * 4096));
  file << std::string(4096, '\x5a');
  file.close();
  const auto done = back_up(path(), target());
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ErrorCode::kCorrupt);
  EXPECT_EQ(files(), 0);
}

TEST_F(Backup, ACopyOfAnOldFileCanShrink) {
  {
    SqlConnection sql(path(), SqlConnection::Mode::kCreate);
    sql.execute("PRAGMA auto_vacuum = NONE; CREATE TABLE t(a); DROP TABLE t");
  }
  auto store = value_of(Store::open({path()}));
  value_of(store->append(records(1, 10'000)));
  value_of(back_up(path(), target()));
  SqlConnection copy(target(), SqlConnection::Mode::kReadOnly);
  EXPECT_EQ(copy.query_integer("PRAGMA auto_vacuum"), 2);
}

}  // namespace
}  // namespace blockwatch
