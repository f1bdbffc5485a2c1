// A damaged store gives way to a new one; what is queued and what sources read next goes there.

#include "storage/set_aside.h"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>

#include "storage/event_writer.h"
#include "storage/sqlite_internal.h"
#include "storage/store_lock.h"
#include "tests/storage/store_test_support.h"
#include "tests/support/eventually.h"
#include "tests/support/temp_dir.h"

namespace blockwatch {
namespace {

namespace fs = std::filesystem;

class SetAsideTest : public testing::Test {
 protected:
  std::string path() const { return folder_.path("events.db"); }
  StoreOptions options(const std::string& damage = {}) const {
    return {.path = path(), .set_aside_damaged = true, .damage = damage};
  }
  void fill(std::uint64_t events) {
    value_of(value_of(Store::open({path()}))->append(records(1, events, "at the end")));
  }
  void overwrite() const {
    std::ofstream(path(), std::ios::binary | std::ios::trunc) << std::string(10'000, 'x');
  }

  TempDir folder_;
};

TEST_F(SetAsideTest, KeepsTheOldFileAndBeginsAboveIt) {
  fill(100);
  auto store = value_of(Store::open(options("a page is damaged")));
  EXPECT_EQ(value_of(value_of(StoreReader::open(store->set_aside()))->status()).rows, 100U);
  auto reader = value_of(StoreReader::open(path()));
  EXPECT_EQ(value_of(reader->position("evtx:a")), "");
  const auto old_id = reader->event(100);
  ASSERT_FALSE(old_id);
  EXPECT_EQ(old_id.error().code, ErrorCode::kGone);
  value_of(store->append(records(1, 100)));
  const StoreStatus status = value_of(reader->status());
  EXPECT_EQ(status.rows, 100U);
  EXPECT_GT(status.oldest_seq, 1'000'000U);
  EXPECT_LT(status.newest_seq, std::uint64_t{1} << 53U);
  EXPECT_EQ(value_of(reader->tail({{}, 0, 1000, false})).list.events.size(), 100U);

  const Coverage coverage = value_of(reader->coverage({}));
  ASSERT_EQ(coverage.facts.size(), 1U);
  const CoverageFact& fact = coverage.facts.front();
  EXPECT_EQ(fact.kind, CoverageKind::kStoreSetAside);
  EXPECT_EQ(fact.start, sample_event(1, Timestamp::kTicksPerSecond).time);
  EXPECT_EQ(fact.missing_records, 100U);
  EXPECT_NE(fact.detail.find("a page is damaged"), std::string::npos);
  EXPECT_EQ(fact.detail.find(folder_.path("")), std::string::npos) << "names a folder";
  ASSERT_TRUE(status.set_aside);
  EXPECT_EQ(status.set_aside->detail, fact.detail);
}

TEST_F(SetAsideTest, TwiceInASecondOverwritesNothing) {
  fill(1);
  const std::string first = value_of(Store::open(options("once")))->set_aside();
  const std::string second = value_of(Store::open(options("twice")))->set_aside();
  EXPECT_NE(first, second);
  EXPECT_TRUE(fs::exists(first));
  EXPECT_TRUE(fs::exists(second));
}

TEST_F(SetAsideTest, GarbageIsSetAsideOnlyWhereAStoreWas) {
  overwrite();
  for (int start = 0; start < 2; ++start) {
    auto store = Store::open(options());
    ASSERT_FALSE(store);
    EXPECT_EQ(store.error().code, ErrorCode::kCorrupt);
  }
  fs::remove(path());
  fill(3);
  overwrite();
  auto store = value_of(Store::open(options()));
  EXPECT_EQ(fs::file_size(store->set_aside()), 10'000U);
}

// SQLite has no code for a wrong format, and takes a wrong id for that of another program.
TEST_F(SetAsideTest, EveryPlaceOfTheHeaderMayBeDamaged) {
  fill(3);
  fs::rename(path(), folder_.path("whole"));
  for (std::streamoff place = 0; place < 72; place += 4) {
    SCOPED_TRACE(place);
    fs::copy_file(folder_.path("whole"), path());
    std::fstream file(path(), std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(place);
    file << std::string(64, '\xa7');
    file.close();
    auto store = Store::open(options());
    ASSERT_TRUE(store) << store.error().message;
    EXPECT_NE((*store)->set_aside(), "");
    store->reset();
    for (const char* suffix : {"", "-wal", "-shm"}) fs::remove(path() + suffix);
  }
}

TEST_F(SetAsideTest, IsNotDoneUnlessAskedFor) {
  fill(3);
  overwrite();
  EXPECT_EQ(Store::open({path()}).error().code, ErrorCode::kCorrupt);
}

TEST_F(SetAsideTest, AFileThatWasEmptiedHeldAStore) {
  fill(100);
  fs::resize_file(path(), 0);
  EXPECT_EQ(Store::open({path()}).error().code, ErrorCode::kCorrupt);
  auto store = value_of(Store::open(options()));
  EXPECT_TRUE(fs::exists(store->set_aside()));
  auto reader = value_of(StoreReader::open(path()));
  ASSERT_TRUE(value_of(reader->status()).set_aside);
  EXPECT_EQ(reader->event(100).error().code, ErrorCode::kGone);
}

TEST_F(SetAsideTest, ALogWithoutItsStoreIsKept) {
  std::ofstream(path() + ".lock").close();  // of a version that left no note in it
  std::ofstream(path()).close();
  std::ofstream(path() + "-wal") << std::string(5000, 'x');
  auto store = value_of(Store::open(options()));
  EXPECT_EQ(fs::file_size(store->set_aside() + "-wal"), 5000U);
}

TEST_F(SetAsideTest, AnEmptyFileThatWasNeverAStoreBecomesOne) {
  std::ofstream(path()).close();
  auto store = value_of(Store::open(options()));
  EXPECT_EQ(store->set_aside(), "");
  EXPECT_EQ(value_of(store->append(records(1, 1))).newest_seq, 1U);
}

TEST_F(SetAsideTest, TheNewStoreTakesOverWhatWasSet) {
  const StoredSettings wanted{.retention_days = 7, .max_db_size = {}, .record = 3};
  value_of(value_of(Store::open({path()}))->save(wanted));
  EXPECT_EQ(value_of(value_of(Store::open(options("a page is damaged")))->settings()), wanted);
}

// Killed, or out of room, after so many steps of giving way to a new store.
class SetAsideInterrupted : public SetAsideTest, public testing::WithParamInterface<int> {};

TEST_P(SetAsideInterrupted, TheNextStartGoesOn) {
  fill(100);
  std::ofstream(path() + "-wal") << "log";
  const std::string plan = plan_to_set_aside(path(), "a page is damaged");
  const std::string aside = path() + '.' + plan.substr(0, plan.find(' '));
  value_of(value_of(StoreLock::acquire(path() + ".lock")).set_note(plan));
  const int steps = GetParam();
  if (steps > 0) fs::rename(path() + "-wal", aside + "-wal");
  if (steps > 1) fs::rename(path(), aside);
  if (steps > 2) std::ofstream(path()).close();
  if (steps > 3) {
    value_of(Store::open({folder_.path("other.db")}));
    fs::rename(folder_.path("other.db"), path());
  }
  const auto begin = [&](const std::string& set_aside) {
    auto store = value_of(Store::open({path()}));
    EXPECT_EQ(store->set_aside(), set_aside);
    return store;
  };
  begin(aside);
  EXPECT_EQ(fs::file_size(aside + "-wal"), 3U);
  auto store = begin("");
  auto reader = value_of(StoreReader::open(path()));
  const Coverage coverage = value_of(reader->coverage({}));
  ASSERT_EQ(coverage.facts.size(), 1U);
  EXPECT_EQ(coverage.facts[0].missing_records, 100U);
  EXPECT_NE(coverage.facts[0].detail.find("a page is damaged"), std::string::npos);
  EXPECT_EQ(value_of(reader->position("evtx:a")), "");
  EXPECT_GT(value_of(store->append(records(1, 1))).newest_seq, 1'000'000U);
}

INSTANTIATE_TEST_SUITE_P(Steps, SetAsideInterrupted, testing::Range(0, 5));

TEST_F(SetAsideTest, TheWriterGoesOnInANewStoreWithoutOldPositions) {
  fill(2000);
  CommitSignal signal;
  std::atomic<int> begun{0};
  EventWriter writer(
      value_of(Store::open({path(), true, 100})), signal, {0, 0},
      {.open = [this](const std::string& damage) { return Store::open(options(damage)); },
       .begun_anew = [&] { ++begun; }});
  SqlConnection(path(), SqlConnection::Mode::kReadWrite).execute("UPDATE posting SET data = 'x'");
  // Late events are compared with what is there, which cannot be read.
  ASSERT_TRUE(writer.push(records(1, 50, "half way"), {}, {}));
  EXPECT_TRUE(eventually([&] { return writer.counters().stored == 50; }));
  EXPECT_EQ(begun, 1);
  EXPECT_EQ(writer.epoch(), 1U);
  auto reader = value_of(StoreReader::open(path()));
  EXPECT_EQ(value_of(reader->position("evtx:a")), "");
  EventBatch again = records(1, 2000, "at the end");
  again.epoch = writer.epoch();
  ASSERT_TRUE(writer.push(std::move(again), {}, {}));
  EXPECT_TRUE(writer.stop());
  EXPECT_EQ(value_of(reader->position("evtx:a")), "at the end");
  EXPECT_EQ(value_of(reader->status()).rows, 2000U);
}

TEST_F(SetAsideTest, AWriterWithoutAStoreGetsOneLater) {
  CommitSignal signal;
  std::atomic<bool> there{false};
  EventWriter writer(nullptr, signal, {0, 0},
                     {.open = [&](const std::string&) -> Result<std::unique_ptr<Store>> {
                        if (there) return Store::open(options());
                        return make_error(ErrorCode::kPermission, "read-only");
                      },
                      .begun_anew = [] {}});
  ASSERT_TRUE(writer.push(records(1, 5), {}, {}));
  EXPECT_TRUE(eventually([&] { return writer.counters().failures > 1; }));
  EXPECT_EQ(writer.counters().last_code, ErrorCode::kPermission);
  EXPECT_GT(writer.counters().stalled_ms, 0);
  there = true;
  EXPECT_TRUE(eventually([&] { return writer.counters().stored == 5; }));
  EXPECT_EQ(writer.counters().stalled_ms, 0);
}

}  // namespace
}  // namespace blockwatch
