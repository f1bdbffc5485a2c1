// What retention leaves: a smaller file, counts that are those of the rows, and readers that notice
// nothing.

#include <gtest/gtest.h>

#include <filesystem>
#include <map>

#include "storage/event_store.h"
#include "storage/event_writer.h"
#include "storage/retention_slices_internal.h"
#include "storage/row_internal.h"
#include "storage/sqlite_internal.h"
#include "tests/storage/random_events.h"
#include "tests/storage/store_test_support.h"
#include "tests/support/eventually.h"
#include "tests/support/temp_dir.h"

namespace blockwatch {
namespace {

class Retention : public testing::Test {
 protected:
  std::string path() const { return folder_.path("events.db"); }
  std::uintmax_t file_bytes() const { return std::filesystem::file_size(path()); }
  std::unique_ptr<StoreReader> reader() { return value_of(StoreReader::open(path())); }

  void open(std::uint32_t run_rows = 1024) {
    store_ = value_of(Store::open({path(), true, run_rows}));
  }
  void append(std::uint64_t first, std::uint64_t last) {
    for (; first <= last; first += 1000) {
      value_of(store_->append(records(first, std::min(last, first + 999))));
    }
  }
  void delete_rows(std::uint64_t rows) {
    for (std::uint64_t gone = 0; gone < rows;) {
      gone += value_of(
          store_->delete_oldest(std::min<std::uint64_t>(2000, rows - gone), kMaxTimestamp));
    }
  }
  // How many slices it took.
  int clean_up() {
    int slices = 0;
    while (value_of(store_->clean_up(true))) ++slices;
    return slices;
  }
  std::string integrity() {
    SqlConnection sql(path(), SqlConnection::Mode::kReadOnly);
    SqlStatement check(sql.handle(), "PRAGMA integrity_check");
    return check.step() ? std::string(check.bytes(0)) : std::string();
  }

  TempDir folder_;
  std::unique_ptr<Store> store_;
};

TEST_F(Retention, TheFileShrinksInSlices) {
  open();
  append(1, 40'000);
  value_of(store_->checkpoint());
  const auto full = file_bytes();
  auto ours = reader();
  delete_rows(38'000);
  EXPECT_GT(clean_up(), 3);
  EXPECT_LT(file_bytes(), full / 5);
  EXPECT_LT(file_bytes(), value_of(store_->used_bytes()) * 6 / 5);
  EXPECT_EQ(integrity(), "ok");
  EXPECT_EQ(value_of(ours->tail({{}, 0, 1000, false})).gap_through, 38'000U);
  EXPECT_EQ(value_of(ours->page({})).list.events.front().seq, 40'000U);
  append(40'001, 45'000);
  EXPECT_EQ(value_of(ours->status()).rows, 7'000U);
}

TEST_F(Retention, AnyNumberOfDaysMayBeAskedFor) {
  open();
  append(1, 10);
  for (const std::uint32_t days : {1U, 20'000U, 99'999'999U, 1'000'000'000U, UINT32_MAX}) {
    RetentionSlices slices({days, 0});
    while (value_of(slices.next(*store_, false))) {
    }
    ASSERT_EQ(value_of(reader()->status()).rows, 10U) << days;
  }
}

TEST_F(Retention, AFewFreePagesAreLeftForNewRows) {
  open();
  append(1, 20'000);
  clean_up();  // what merged runs left
  delete_rows(500);
  while (value_of(store_->clean_up(false))) {
  }
  EXPECT_EQ(clean_up(), 0);
}

TEST_F(Retention, AReaderInTheMiddleKeepsItsRowsAndOnlyDelaysTheCut) {
  open();
  append(1, 20'000);
  value_of(store_->checkpoint());
  const auto full = file_bytes();
  {
    SqlConnection sql(path(), SqlConnection::Mode::kReadOnly);
    SqlTransaction open_read(sql, SqlTransaction::Kind::kRead);
    ASSERT_EQ(sql.query_integer("SELECT count(*) FROM event"), 20'000);
    delete_rows(19'000);
    clean_up();
    value_of(store_->checkpoint());
    EXPECT_EQ(file_bytes(), full);
    EXPECT_EQ(sql.query_integer("SELECT count(*) FROM event"), 20'000);
    EXPECT_EQ(sql.query_integer("SELECT sum(n) FROM hour_shape"), 20'000);
  }
  EXPECT_FALSE(value_of(store_->clean_up(true)));
  EXPECT_LT(file_bytes(), full / 4) << "nothing else moves the log while nobody writes";
}

TEST_F(Retention, AFileWithoutThePointersOfItsPagesWorksAsBefore) {
  {
    SqlConnection sql(path(), SqlConnection::Mode::kCreate);
    sql.execute("PRAGMA auto_vacuum = NONE; CREATE TABLE t(a); DROP TABLE t");
  }
  open();
  append(1, 10'000);
  value_of(store_->checkpoint());
  const auto full = file_bytes();
  delete_rows(9'000);
  clean_up();
  EXPECT_EQ(file_bytes(), full);
  append(10'001, 15'000);
  value_of(store_->checkpoint());
  EXPECT_LE(file_bytes(), full);
}

TEST_F(Retention, TheWriterShrinksTheFileWhileNobodyWrites) {
  open();
  append(1, 20'000);
  value_of(store_->checkpoint());
  const auto full = file_bytes();
  CommitSignal signal;
  EventWriter writer(std::move(store_), signal, {0, full / 4});
  EXPECT_TRUE(eventually([&] { return file_bytes() < full / 3; }));
  EXPECT_TRUE(writer.stop());
}

TEST_F(Retention, OneFactTellsOfAllRowsThatWereDeleted) {
  open();
  append(1, 3'000);
  delete_rows(1'000);
  delete_rows(500);
  const auto facts = value_of(reader()->coverage({})).facts;
  ASSERT_EQ(facts.size(), 1U);
  EXPECT_EQ(facts[0].kind, CoverageKind::kRowsDeleted);
  EXPECT_EQ(facts[0].source, "");
  EXPECT_EQ(facts[0].missing_records, 1'500U);
  EXPECT_EQ(facts[0].start.ticks, kSampleTime.ticks + Timestamp::kTicksPerSecond);
  EXPECT_EQ(facts[0].end->ticks, kSampleTime.ticks + 1500 * Timestamp::kTicksPerSecond);
  EXPECT_TRUE(value_of(reader()->tail({{}, 0, 1000, false})).facts.empty());
  EXPECT_EQ(value_of(reader()->sources()).size(), 1U);
}

// Random appends, deletions, clean-ups and restarts; by rows of the smallest run.
class RetentionModel : public Retention, public testing::WithParamInterface<std::uint32_t> {};

TEST_P(RetentionModel, CountsAreThoseOfTheRows) {
  RandomEvents random{20261121 + GetParam()};
  open(GetParam());
  std::vector<std::int64_t> hours;  // by seq
  std::size_t deleted = 0;
  auto ours = reader();
  for (int round = 0; round < 120; ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    EventBatch batch;
    batch.source = "evtx:a";
    const std::uint64_t events = random.below(200);
    for (std::uint64_t i = 0; i < events; ++i) random.add(batch.list, batch.source);
    ASSERT_EQ(value_of(store_->append(batch)).stored, events);
    for (const Event& e : batch.list.events) hours.push_back(e.time.ticks / kTicksPerHour);
    if (random.one_in(2))
      deleted += value_of(store_->delete_oldest(random.below(400), kMaxTimestamp));
    if (random.one_in(3)) value_of(store_->clean_up(random.one_in(2)));
    if (random.one_in(10)) value_of(store_->checkpoint());
    if (random.one_in(20)) {
      store_.reset();
      open(GetParam());
    }
    if (!random.one_in(4)) continue;
    std::map<std::int64_t, std::int64_t> want;
    for (std::size_t i = deleted; i < hours.size(); ++i) ++want[hours[i]];
    SqlConnection sql(path(), SqlConnection::Mode::kReadOnly);
    for (const char* counts : {"SELECT hour, sum(n) FROM hour_shape GROUP BY hour",
                               "SELECT time / 36000000000, count(*) FROM event GROUP BY 1"}) {
      std::map<std::int64_t, std::int64_t> got;
      auto rows = sql.use(counts);
      while (rows->step()) got[rows->integer(0)] = rows->integer(1);
      ASSERT_EQ(got, want) << counts;
    }
    ASSERT_EQ(sql.query_integer("SELECT count(*) FROM (SELECT hour, shape FROM hour_shape EXCEPT "
                                "SELECT time / 36000000000, shape FROM event)"),
              0);
    const std::size_t left = hours.size() - deleted;
    ASSERT_EQ(value_of(ours->status()).rows, left);
    ASSERT_EQ(value_of(ours->top({{}, TopField::kRemotePort, 5})).total, left);
    ASSERT_EQ(integrity(), "ok");
  }
  while (value_of(store_->clean_up(true))) {
  }
  SqlConnection sql(path(), SqlConnection::Mode::kReadOnly);
  EXPECT_EQ(sql.query_integer("SELECT count(*) FROM run WHERE last_seq <= "
                              "(SELECT deleted_through FROM state)"),
            0);
  EXPECT_EQ(sql.query_integer("SELECT count(*) FROM posting WHERE run NOT IN (SELECT id FROM run)"),
            0);
  EXPECT_LE(sql.query_integer("PRAGMA freelist_count") * 10,
            sql.query_integer("PRAGMA page_count"));
}

INSTANTIATE_TEST_SUITE_P(RunRows, RetentionModel, testing::Values(1U, 7U, 100U, 1024U));

}  // namespace
}  // namespace blockwatch
