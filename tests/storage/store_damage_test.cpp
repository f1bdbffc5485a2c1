// A damaged index: every question gives an answer or an error, soon; the writer gives an error.

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <random>

#include "storage/index_row_internal.h"
#include "storage/sqlite_internal.h"
#include "tests/storage/random_events.h"
#include "tests/storage/store_test_support.h"
#include "tests/support/temp_dir.h"

namespace blockwatch {
namespace {

constexpr std::uint32_t kRunRows = 100;
constexpr std::size_t kStoredEvents = 2600;

class StoreDamage : public testing::Test {
 protected:
  StoreDamage() {
    auto store = open();
    RandomEvents random(20261121);
    for (std::size_t events = 0; events < kStoredEvents; events += 65) {
      EventBatch batch;
      batch.source = "evtx:a";
      // Half of the runs overlap, half lie apart.
      if (events > kStoredEvents / 2) random.start.ticks += random.span_ticks;
      for (int i = 0; i < 65; ++i) random.add(batch.list, batch.source);
      value_of(store->append(batch));
    }
    store.reset();
    sql_ = std::make_unique<SqlConnection>(path(), SqlConnection::Mode::kReadWrite);
    sql_->execute("PRAGMA synchronous = OFF");
  }

  std::string path() const { return folder_.path("events.db"); }
  std::unique_ptr<Store> open() { return value_of(Store::open({path(), true, kRunRows})); }

  std::uint64_t below(std::uint64_t n) { return random_() % n; }

  void expect_answer(const char* question, const std::function<bool(Error&)>& ask) {
    Error error{ErrorCode::kInternal, {}};
    auto start = std::chrono::steady_clock::now();
    if (!ask(error)) {
      EXPECT_TRUE(error.code == ErrorCode::kCorrupt || error.code == ErrorCode::kInvalidArgument)
          << question << ": " << error.message;
      ++errors_;
    }
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(1)) << question;
    ++answers_;
  }
  template <class Ask>
  void ask(const char* question, const Ask& ask) {
    expect_answer(question, [&](Error& error) {
      auto answer = ask();
      if (!answer) error = answer.error();
      return answer.has_value();
    });
  }

  // Every way to read the runs, with one of some filters.
  void ask_everything() {
    auto reader = value_of(StoreReader::open(path()));
    std::vector<Filter> filters(7);
    filters[1].since = Timestamp{kFirst.ticks + kHour * 9};
    filters[2].remote_port.any = {{443, 443}, {8000, 60'000}};
    filters[3].address.any = {value_of(parse_ip_range("fe80::/10"))};
    filters[4].application.any = {{"curl", false}};
    filters[4].direction.none = {Direction::kForward};
    filters[5].q = "10.0";
    filters[5].until = Timestamp{kFirst.ticks + kHour * 50};
    filters[6].filter_id.any = {{0x8000'0000'0000'0001U, 0x8000'0000'0000'0001U}};
    const Filter& filter = filters[below(filters.size())];
    for (Order order : {Order::kNewestFirst, Order::kOldestFirst}) {
      ask("pages", [&] {
        PageQuery query{filter, order, 1000, {}, true, false};
        while (true) {
          auto page = reader->page(query);
          if (!page || !page->next) return page;
          query.cursor = page->next;
          query.count = false;
        }
      });
    }
    ask("top", [&] { return reader->top({filter, TopField::kRemoteAddress, 10}); });
    ask("timeline", [&] { return reader->timeline({filter, kHour / 60, TimelineBy::kAction}); });
    ask("timeline", [&] { return reader->timeline({filter, kHour / 60, TimelineBy::kNothing}); });
    for (const char* field : {"port", "address", "application", "filter_id"}) {
      ask("values", [&] { return reader->field_values(field, "", 4); });
    }
    ask("status", [&] { return reader->status(); });
  }

  static constexpr Timestamp kFirst{15'500'000'000'000'000};
  static constexpr std::int64_t kHour = 3600 * Timestamp::kTicksPerSecond;

  std::mt19937_64 random_{20261121};
  TempDir folder_;
  std::unique_ptr<SqlConnection> sql_;
  std::uint64_t answers_ = 0;
  std::uint64_t errors_ = 0;
};

struct Posting {
  std::int64_t run = 0;
  std::int64_t field = 0;
  std::string value_sql;  // as SQL writes it
  std::int64_t position = 0;
  std::string data;

  std::string where() const {
    return " WHERE run = " + std::to_string(run) + " AND field = " + std::to_string(field) +
           " AND value = " + value_sql + " AND position = " + std::to_string(position);
  }
};

Posting posting_at(SqlConnection& sql, std::uint64_t place) {
  auto row =
      sql.use("SELECT run, field, quote(value), position, data FROM posting LIMIT 1 OFFSET ?");
  row->bind(1, static_cast<std::int64_t>(place));
  if (!row->step()) throw std::runtime_error("no such posting");
  return {row->integer(0), row->integer(1), std::string(row->bytes(2)), row->integer(3),
          std::string(row->bytes(4))};
}

// Of a block that may have been merged into others since.
void set_data(SqlConnection& sql, const Posting& posting, const std::string& data) {
  SqlStatement update(sql.handle(), "UPDATE posting SET data = ?" + posting.where());
  update.bind_blob(1, data);
  update.run();
}

TEST_F(StoreDamage, OfBlocksGivesAnswersOrErrors) {
  auto postings = static_cast<std::uint64_t>(sql_->query_integer("SELECT count(*) FROM posting"));
  for (int round = 0; round < 40; ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    Posting posting = posting_at(*sql_, below(postings));
    std::string data = posting.data;
    switch (below(4)) {
      case 0:
        data.resize(below(data.size() + 1));
        break;
      case 1:
        data.append(below(2000), static_cast<char>(below(256)));
        break;
      default:
        for (std::uint64_t flips = 1 + below(3); flips > 0; --flips) {
          auto& byte = data[below(data.size())];
          byte = static_cast<char>(byte ^ static_cast<char>(1U << below(8)));
        }
    }
    set_data(*sql_, posting, data);
    ask_everything();
    set_data(*sql_, posting, posting.data);
  }
  EXPECT_GT(errors_, 0U);
  EXPECT_LT(errors_, answers_);
}

TEST_F(StoreDamage, OfRunRowsGivesAnswersOrErrors) {
  auto runs = static_cast<std::uint64_t>(sql_->query_integer("SELECT count(*) FROM run"));
  ASSERT_GT(runs, 2U);
  for (const char* column : {"first_seq", "last_seq", "min_time", "max_time", "in_order"}) {
    for (std::uint64_t run = 0; run < runs; ++run) {
      std::string where =
          " WHERE id = (SELECT id FROM run ORDER BY id LIMIT 1 OFFSET " + std::to_string(run) + ")";
      std::string name = column;
      std::int64_t whole = sql_->query_integer("SELECT " + name + " FROM run" + where);
      for (std::int64_t damaged : {std::int64_t{0}, std::int64_t{-1}, INT64_MAX, INT64_MIN,
                                   whole + 1, whole - 1, whole ^ std::int64_t{1} << below(63)}) {
        SCOPED_TRACE(name + " " + std::to_string(damaged));
        sql_->execute("UPDATE run SET " + name + " = " + std::to_string(damaged) + where);
        if (below(8) == 0) ask_everything();
        ask("first page", [&] { return value_of(StoreReader::open(path()))->page({}); });
      }
      sql_->execute("UPDATE run SET " + name + " = " + std::to_string(whole) + where);
    }
  }
  EXPECT_GT(errors_, 0U);
}

TEST_F(StoreDamage, OfTheSizeOfARunIsNoReasonToAllocate) {
  sql_->execute("UPDATE state SET newest_seq = 1000000000000");
  sql_->execute(
      "UPDATE run SET last_seq = last_seq + 2000000000 WHERE id = (SELECT max(id) FROM run)");
  auto top = value_of(StoreReader::open(path()))->top({});
  ASSERT_FALSE(top) << top->total << " rows";
  EXPECT_EQ(top.error().code, ErrorCode::kCorrupt);
}

TEST_F(StoreDamage, OfAHoleBetweenRunsIsSeen) {
  sql_->execute("UPDATE run SET first_seq = first_seq + 1 WHERE id = (SELECT max(id) FROM run)");
  auto top = value_of(StoreReader::open(path()))->top({});
  ASSERT_FALSE(top) << top->total << " rows";
  EXPECT_EQ(top.error().code, ErrorCode::kCorrupt);
}

TEST_F(StoreDamage, OfAMissingBlockOfOrderOrTimeIsSeen) {
  for (IndexField field : {IndexField::kTime, IndexField::kOrder}) {
    std::string of = " WHERE field = " + std::to_string(static_cast<int>(field)) +
                     " AND run = (SELECT min(id) FROM run)";
    ASSERT_GT(sql_->query_integer("SELECT count(*) FROM posting" + of), 0);
    sql_->execute("BEGIN");
    sql_->execute("CREATE TABLE kept AS SELECT * FROM posting" + of);
    sql_->execute("DELETE FROM posting" + of);
    sql_->execute("COMMIT");
    auto reader = value_of(StoreReader::open(path()));
    TimelineQuery query{{}, kHour / 60, TimelineBy::kNothing};
    PageQuery oldest{{}, Order::kOldestFirst, 1000, {}, false, false};
    auto code = field == IndexField::kTime ? reader->timeline(query).error().code
                                           : reader->page(oldest).error().code;
    EXPECT_EQ(code, ErrorCode::kCorrupt);
    sql_->execute("INSERT INTO posting SELECT * FROM kept");
    sql_->execute("DROP TABLE kept");
  }
}

// Positions mixed up: pages must end all the same.
TEST_F(StoreDamage, OfTheOrderNeverLeadsInCircles) {
  sql_->execute("UPDATE run SET in_order = 1 - in_order");
  auto reader = value_of(StoreReader::open(path()));
  for (Order order : {Order::kNewestFirst, Order::kOldestFirst}) {
    PageQuery query{{}, order, 3, {}, false, false};
    std::size_t events = 0;
    for (auto page = reader->page(query); page; page = reader->page(query)) {
      events += page->list.events.size();
      ASSERT_LE(events, kStoredEvents);
      if (!page->next) break;
      query.cursor = page->next;
    }
  }
}

TEST_F(StoreDamage, IsAnErrorOfTheWriterWhoGoesOnOnceItIsMended) {
  RandomEvents random(5);
  int failures = 0;
  for (int round = 0; round < 12; ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    auto postings = static_cast<std::uint64_t>(sql_->query_integer("SELECT count(*) FROM posting"));
    Posting posting = posting_at(*sql_, below(postings));
    set_data(*sql_, posting, std::string(1 + below(30), static_cast<char>(below(256))));
    auto store = open();
    EventBatch batch;
    batch.source = "evtx:b";
    for (int i = 0; i < 1700; ++i) random.add(batch.list, batch.source);
    // Seen in the merge, or when a late event is looked for.
    auto result = store->append(batch);
    set_data(*sql_, posting, posting.data);
    if (result) continue;
    ++failures;
    EXPECT_EQ(result.error().code, ErrorCode::kCorrupt) << result.error().message;
    EXPECT_EQ(value_of(store->append(batch)).stored, 1700U);
  }
  EXPECT_GT(failures, 0);
}

TEST_F(StoreDamage, OfARowsShapeIsAnErrorOfTheWriter) {
  auto store = open();
  Event stored = sample_event(1);
  value_of(store->append(batch_of({stored})));
  sql_->execute("UPDATE event SET shape = 4000000000 WHERE seq = (SELECT max(seq) FROM event)");
  store = nullptr;
  store = open();
  auto result = store->append(batch_of({stored}));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::kCorrupt);
}

TEST_F(StoreDamage, OfAShapeIsSeenBeforeItsNumbersAreLookedUp) {
  sql_->execute("CREATE TABLE kept AS SELECT * FROM shape");
  for (const char* damage :
       {"event_id = 0", "event_id = 6000", "event_id = event_id + 65536", "direction = 3",
        "direction = -1", "reason = 11", "reason = 1000", "event_version = 256", "protocol = 256",
        "icmp_type = -1", "interface_index = 1 << 32", "raw_template = -1", "id = 1 << 40"}) {
    SCOPED_TRACE(damage);
    sql_->execute(std::string("UPDATE shape SET ") + damage +
                  " WHERE id = (SELECT max(id) FROM shape)");
    auto reader = value_of(StoreReader::open(path()));
    for (const char* field : {"action", "direction", "reason"}) {
      auto values = reader->field_values(field, "", 10);
      ASSERT_FALSE(values);
      EXPECT_EQ(values.error().code, ErrorCode::kCorrupt);
    }
    sql_->execute("DELETE FROM shape");
    sql_->execute("INSERT INTO shape SELECT * FROM kept");
  }
}

TEST_F(StoreDamage, OfTheShapesNumbersIsNoReasonToAllocate) {
  sql_->execute("UPDATE shape SET id = 4000000000 WHERE id = (SELECT max(id) FROM shape)");
  auto result = open()->append(batch_of({sample_event(1)}));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::kCorrupt) << result.error().message;
}

// Else the writer would try for ever, or store what nobody sees.
TEST_F(StoreDamage, OfTheStateIsSeenByTheWriter) {
  value_of(open()->append(batch_of({sample_event(1), sample_event(2)})));
  const auto newest = std::to_string(sql_->query_integer("SELECT newest_seq FROM state"));
  for (const std::string damage : {"newest_seq = newest_seq - 1", "newest_seq = -1",
                                   "deleted_through = newest_seq + 100", "deleted_through = -1"}) {
    SCOPED_TRACE(damage);
    sql_->execute("UPDATE state SET " + damage);
    auto result = open()->append(batch_of({sample_event(3)}));
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::kCorrupt) << result.error().message;
    sql_->execute("UPDATE state SET deleted_through = 0, newest_seq = " + newest);
  }
}

}  // namespace
}  // namespace blockwatch
