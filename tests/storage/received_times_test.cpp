#include "storage/received_times_internal.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/support/temp_dir.h"

namespace blockwatch {
namespace {

// More commits than are kept, of three to six rows, received at 1000 ticks times their number.
constexpr std::uint64_t kCommits = 10'000;
std::uint64_t first_seq(std::uint64_t commit) { return 1 + 4 * commit - commit % 3; }

TEST(ReceivedTimes, TellsEveryRowItsCommitInAnyOrder) {
  const TempDir folder;
  SqlConnection connection(folder.path("batches.db"), SqlConnection::Mode::kCreate);
  connection.execute(
      "CREATE TABLE batch(first_seq INTEGER PRIMARY KEY, received_time INTEGER NOT NULL);"
      "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 9999) "
      "INSERT INTO batch SELECT 1 + 4 * i - i % 3, i * 1000 FROM n");
  ReceivedTimes received(connection);
  std::mt19937_64 random(5);
  for (int i = 0; i < 30'000; ++i) {
    const std::uint64_t commit = random() % kCommits;
    const std::uint64_t rows = first_seq(commit + 1) - first_seq(commit);
    const std::uint64_t seq = first_seq(commit) + random() % rows;
    ASSERT_EQ(received.of(seq).ticks, static_cast<std::int64_t>(commit * 1000)) << seq;
  }
}

TEST(ReceivedTimes, ARowBeforeTheFirstCommitIsDamage) {
  const TempDir folder;
  SqlConnection connection(folder.path("batches.db"), SqlConnection::Mode::kCreate);
  connection.execute(
      "CREATE TABLE batch(first_seq INTEGER PRIMARY KEY, received_time INTEGER NOT NULL);"
      "INSERT INTO batch VALUES(5, 1)");
  ReceivedTimes received(connection);
  EXPECT_EQ(received.of(7).ticks, 1);
  EXPECT_THROW(received.of(4), SQLite::Exception);
}

}  // namespace
}  // namespace blockwatch
