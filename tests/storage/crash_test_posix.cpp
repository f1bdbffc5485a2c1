// A process that is killed at any moment: position and rows agree, nothing is lost or doubled.

#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sqlite3.h>
#include <sys/wait.h>

#include <random>

#include "tests/storage/store_test_support.h"
#include "tests/support/eventually.h"
#include "tests/support/temp_dir.h"

extern char** environ;

namespace blockwatch {
namespace {

std::string integrity(const std::string& path) {
  sqlite3* db = nullptr;
  sqlite3_open(path.c_str(), &db);
  sqlite3_stmt* row = nullptr;
  sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &row, nullptr);
  std::string answer = "nothing";
  if (sqlite3_step(row) == SQLITE_ROW) {
    answer = reinterpret_cast<const char*>(sqlite3_column_text(row, 0));
  }
  sqlite3_finalize(row);
  sqlite3_close(db);
  return answer;
}

TEST(StoreCrash, TwentyKillsLoseNothingAndDoubleNothing) {
  TempDir folder;
  std::string path = folder.path("events.db");
  { value_of(Store::open({path})); }
  std::random_device device;
  unsigned seed = device();
  std::mt19937 random(seed);
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::uint64_t stored = 0;
  for (int round = 0; round < 20; ++round) {
    std::string program = CRASH_CHILD;
    char* arguments[] = {program.data(), path.data(), nullptr};
    pid_t child = 0;
    ASSERT_EQ(posix_spawn(&child, program.c_str(), nullptr, nullptr, arguments, environ), 0);
    auto reader = value_of(StoreReader::open(path));
    // The moment: some commits later, and somewhere within the next one.
    std::uint64_t target = stored + 100 * (1 + random() % 30);
    EXPECT_TRUE(eventually([&] { return value_of(reader->status()).newest_seq >= target; }));
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 4000));
    kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status));
    reader.reset();

    auto store = value_of(Store::open({path}));
    reader = value_of(StoreReader::open(path));
    StoreStatus now = value_of(reader->status());
    EXPECT_GE(now.rows, target);
    EXPECT_EQ(now.rows, now.newest_seq);
    EXPECT_EQ(value_of(reader->position("evtx:a")), std::to_string(now.rows));
    // Records are numbered from 1: as many as rows, none twice, the last one the position.
    Filter beyond;
    beyond.record_id.any = {{1, now.rows}};
    PageQuery query;
    query.filter = beyond;
    query.count = true;
    EXPECT_EQ(value_of(reader->page(query)).total, now.rows);
    EXPECT_EQ(value_of(store->append(records(1, now.rows))).duplicate, now.rows);
    stored = now.rows;
  }
  EXPECT_EQ(integrity(path), "ok");
}

}  // namespace
}  // namespace blockwatch
