// What runs keep is exactly what the rows say, whatever came in which order and was merged or
// deleted: read with plain SQL, apart from the code that asks the runs.

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "storage/run_index_internal.h"
#include "tests/storage/random_events.h"
#include "tests/storage/store_test_support.h"
#include "tests/support/temp_dir.h"

namespace blockwatch {
namespace {

using Positions = std::vector<std::uint32_t>;
using StoredRun = Run;  // a fixture has a Run of its own

// The lists of one run, by field.
struct Lists {
  std::map<int, std::map<std::int64_t, Positions>> numbers;
  std::map<int, std::map<IpAddress, Positions>> addresses;
};

struct Row {
  std::int64_t time = 0;
  std::uint64_t seq = 0;
  std::map<int, std::int64_t> numbers;
  std::map<int, IpAddress> addresses;
};

class Runs : public testing::TestWithParam<std::uint32_t> {
 protected:
  Runs() { open(); }

  void open() {
    store_.reset();
    store_ = value_of(Store::open({folder_.path("events.db"), true, GetParam()}));
    sql_ =
        std::make_unique<SqlConnection>(folder_.path("events.db"), SqlConnection::Mode::kReadWrite);
  }

  void append(std::size_t events) {
    EventBatch batch;
    batch.source = "evtx:a";
    for (std::size_t i = 0; i < events; ++i) random_.add(batch.list, batch.source);
    ASSERT_EQ(value_of(store_->append(batch)).stored, events);
    learn();
  }

  // Rows are remembered: a run still holds those that were deleted.
  void learn() {
    // A column's place is the number of its field.
    auto row = sql_->use(
        "SELECT seq, time, shape, application, process_id, filter_id, record_id, local_port, "
        "remote_port, local_address, remote_address FROM event WHERE seq > ? ORDER BY seq");
    row->bind(1, static_cast<std::int64_t>(rows_.size()));
    while (row->step()) {
      Row out;
      out.seq = static_cast<std::uint64_t>(row->integer(0));
      out.time = row->integer(1);
      for (int column = 2; column < 9; ++column) {
        if (!row->is_null(column)) out.numbers[column] = row->integer(column);
      }
      for (int side : {0, 1}) {
        if (row->type(9 + side) == SQLITE_INTEGER) {
          out.numbers[9 + side] = static_cast<std::uint32_t>(row->integer(9 + side));
        } else if (row->type(9 + side) == SQLITE_BLOB) {
          std::string_view bytes = row->bytes(9 + side);
          ASSERT_EQ(bytes.size(), 16U);
          std::copy(bytes.begin(), bytes.end(), out.addresses[11 + side].bytes.begin());
        }
      }
      ASSERT_EQ(out.seq, rows_.size() + 1);
      rows_.push_back(out);
    }
  }

  std::vector<StoredRun> runs() {
    std::vector<StoredRun> runs;
    auto row = sql_->use(
        "SELECT id, first_seq, last_seq, min_time, max_time, in_order FROM run "
        "WHERE last_seq > (SELECT deleted_through FROM state) ORDER BY first_seq");
    while (row->step()) {
      runs.push_back({row->integer(0), static_cast<std::uint64_t>(row->integer(1)),
                      static_cast<std::uint64_t>(row->integer(2)), row->integer(3), row->integer(4),
                      row->integer(5) != 0});
    }
    return runs;
  }

  // Every run is what its rows say, and every row is in one run or still to be indexed.
  void expect_sound() {
    auto all = runs();
    auto deleted =
        static_cast<std::uint64_t>(sql_->query_integer("SELECT deleted_through FROM state"));
    std::uint64_t next = all.empty() ? deleted + 1 : all.front().first_seq;
    ASSERT_LE(next, deleted + 1);
    for (const StoredRun& run : all) {
      SCOPED_TRACE("run of seqs " + std::to_string(run.first_seq) + " to " +
                   std::to_string(run.last_seq));
      ASSERT_EQ(run.first_seq, next);
      ASSERT_GT(run.last_seq, deleted) << "all rows were deleted";
      next = run.last_seq + 1;
      expect_run(run);
      if (HasFatalFailure()) return;
    }
    ASSERT_LT(rows_.size() + 1 - next, GetParam()) << "rows without a run";
    ASSERT_EQ(sql_->query_integer("SELECT count(*) FROM posting WHERE run NOT IN "
                                  "(SELECT id FROM run)"),
              0);
  }

  void expect_run(const StoredRun& run) {
    std::vector<const Row*> by_time;
    for (std::uint64_t seq = run.first_seq; seq <= run.last_seq; ++seq) {
      by_time.push_back(&rows_.at(seq - 1));
    }
    std::stable_sort(by_time.begin(), by_time.end(),
                     [](const Row* x, const Row* y) { return x->time < y->time; });
    std::vector<std::int64_t> times;
    std::vector<std::int64_t> offsets;
    Lists want;
    for (std::uint32_t position = 0; position < by_time.size(); ++position) {
      const Row& row = *by_time[position];
      times.push_back(row.time);
      offsets.push_back(static_cast<std::int64_t>(row.seq - run.first_seq));
      for (const auto& [field, value] : row.numbers) {
        want.numbers[field][value].push_back(position);
      }
      for (const auto& [field, value] : row.addresses) {
        want.addresses[field][value].push_back(position);
      }
    }
    ASSERT_EQ(run.min_time, times.front());
    ASSERT_EQ(run.max_time, times.back());
    ASSERT_EQ(run.in_order, std::is_sorted(offsets.begin(), offsets.end()));
    ASSERT_EQ(by_position(run, IndexField::kTime), times);
    ASSERT_EQ(by_position(run, IndexField::kOrder),
              run.in_order ? std::vector<std::int64_t>() : offsets);
    for (IndexField field : kNumberFields) {
      int number = static_cast<int>(field);
      ASSERT_EQ(list<std::int64_t>(run, field), want.numbers[number]) << "field " << number;
      ASSERT_EQ(counts<std::int64_t>(run, field), sizes(want.numbers[number]));
    }
    for (IndexField field : kAddressFields) {
      int number = static_cast<int>(field);
      ASSERT_EQ(list<IpAddress>(run, field), want.addresses[number]) << "field " << number;
      ASSERT_EQ(counts<IpAddress>(run, field), sizes(want.addresses[number]));
    }
  }

  template <class Value>
  static std::map<Value, std::uint64_t> sizes(const std::map<Value, Positions>& lists) {
    std::map<Value, std::uint64_t> sizes;
    for (const auto& [value, positions] : lists) sizes[value] = positions.size();
    return sizes;
  }

  template <class Visit>
  void for_each_block(const StoredRun& run, int list, const Visit& visit) {
    auto row = sql_->use(
        "SELECT value, position, data FROM posting WHERE run = ? AND field = ? "
        "ORDER BY value, position");
    row->bind(1, run.id);
    row->bind(2, list);
    while (row->step()) {
      ASSERT_LE(row->bytes(2).size(), kBlockBytes);
      visit(*row);
    }
  }

  std::vector<std::int64_t> by_position(const StoredRun& run, IndexField field) {
    std::vector<std::int64_t> values;
    for_each_block(run, static_cast<int>(field), [&](const SqlStatement& row) {
      auto block = block_at<std::int64_t>(row, run);
      EXPECT_EQ(block.position, values.size());
      PostingDecoder<std::int64_t> decoder(block);
      std::int64_t value = block.value;
      for (std::uint64_t left = decoder.number(); left != 0; --left) {
        std::uint64_t step = decoder.number();
        value += field == IndexField::kTime ? static_cast<std::int64_t>(step) : unzigzag(step);
        values.push_back(value);
      }
    });
    return values;
  }

  template <class Value>
  std::map<Value, Positions> list(const StoredRun& run, IndexField field) {
    std::map<Value, Positions> lists;
    for_each_block(run, static_cast<int>(field), [&](const SqlStatement& row) {
      PostingDecoder<Value> decoder(block_at<Value>(row, run));
      while (decoder.next()) {
        auto& positions = lists[decoder.value()];
        decoder.positions(run.rows(), [&](std::uint32_t p) { positions.push_back(p); });
      }
    });
    return lists;
  }

  template <class Value>
  std::map<Value, std::uint64_t> counts(const StoredRun& run, IndexField field) {
    std::map<Value, std::uint64_t> counts;
    for_each_block(run, static_cast<int>(field) + kCountsOf, [&](const SqlStatement& row) {
      PostingDecoder<Value> decoder(block_at<Value>(row, run));
      while (decoder.next_count()) {
        EXPECT_EQ(counts.count(decoder.value()), 0U);
        counts[decoder.value()] = decoder.count();
      }
    });
    return counts;
  }

  RandomEvents random_{20261121};
  TempDir folder_;
  std::vector<Row> rows_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<SqlConnection> sql_;
};

TEST_P(Runs, HoldExactlyTheirRowsThroughMergesRestartsAndRetention) {
  random_.span_ticks = 3600 * Timestamp::kTicksPerSecond;
  for (int round = 0; round < 60; ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    // Mostly later than what is there, so that merged runs lie apart as well as overlap.
    if (!random_.one_in(3)) random_.start.ticks += random_.span_ticks;
    append(random_.one_in(4) ? 1 + random_.below(400) : 1 + random_.below(30));
    if (random_.one_in(6)) value_of(store_->delete_oldest(random_.below(250), kMaxTimestamp));
    if (random_.one_in(9)) open();
    if (round % 4 == 3) expect_sound();
    if (HasFatalFailure()) return;
  }
}

TEST_P(Runs, HoldListsOfManyBlocks) {
  append(5000);
  random_.start.ticks += random_.span_ticks / 2;
  for (int i = 0; i < 4; ++i) append(1500);
  expect_sound();
}

TEST_P(Runs, AreOneAgainAfterEverythingWasDeleted) {
  append(300);
  value_of(store_->delete_oldest(1000, kMaxTimestamp));
  expect_sound();
  EXPECT_TRUE(runs().empty());
  append(150);
  expect_sound();
  value_of(store_->delete_oldest(40, kMaxTimestamp));
  append(70);
  expect_sound();
}

// A commit of many rows makes a large run at once; small runs before it must not stay for ever.
TEST_P(Runs, StayFewWhateverTheSizeOfCommits) {
  std::uint64_t events = 0;
  auto append_sample = [&](std::uint64_t count) {
    value_of(store_->append(records(events + 1, events + count)));
    events += count;
  };
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 3; ++i) append_sample(GetParam());
    append_sample(std::uint64_t{16} * GetParam());
  }
  auto all = runs();
  ASSERT_FALSE(all.empty());
  EXPECT_EQ(all.front().first_seq, 1U);
  EXPECT_LE(all.size(), 16U * 3U) << events << " rows";
  for (std::size_t i = 1; i < all.size(); ++i) {
    EXPECT_LE(all[i].rows(), all[i - 1].rows() * 16) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(RunRows, Runs, testing::Values(1U, 5U, 64U, 1024U));

// The writer read its unindexed rows inside a transaction that failed: they are still there.
TEST(RunsAndFailures, AFailedDeletionLosesNoRow) {
  TempDir folder;
  std::string path = folder.path("events.db");
  { value_of(value_of(Store::open({path, true, 100}))->append(records(1, 60))); }
  auto store = value_of(Store::open({path, true, 100}));
  SqlConnection sql(path, SqlConnection::Mode::kReadWrite);
  sql.execute("CREATE TRIGGER fail BEFORE UPDATE ON state BEGIN SELECT RAISE(ABORT, 'no'); END");
  EXPECT_FALSE(store->delete_oldest(20, kMaxTimestamp));
  sql.execute("DROP TRIGGER fail");
  value_of(store->append(records(61, 120)));
  ASSERT_EQ(sql.query_integer("SELECT count(*) FROM run"), 1);
  EXPECT_EQ(sql.query_integer("SELECT first_seq FROM run"), 1);
  auto reader = value_of(StoreReader::open(path));
  PageQuery query;
  query.limit = 1000;
  EXPECT_EQ(value_of(reader->page(query)).list.events.size(), 120U);
}

}  // namespace
}  // namespace blockwatch
