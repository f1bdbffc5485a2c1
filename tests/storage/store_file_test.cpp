// The file: opening, refusing, retention, failures, the view for people.

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "storage/words.h"
#include "tests/storage/random_events.h"
#include "tests/storage/store_test_support.h"
#include "tests/support/temp_dir.h"

namespace blockwatch {
namespace {

class Database {
 public:
  explicit Database(const std::string& path) { sqlite3_open(path.c_str(), &db_); }
  ~Database() { sqlite3_close(db_); }
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // All rows' columns in one list; "-" for null.
  std::vector<std::string> query(const std::string& sql) {
    std::vector<std::string> values;
    sqlite3_stmt* row = nullptr;
    EXPECT_EQ(sqlite3_prepare_v2(db_, sql.c_str(), -1, &row, nullptr), SQLITE_OK)
        << sqlite3_errmsg(db_);
    while (sqlite3_step(row) == SQLITE_ROW) {
      for (int i = 0; i < sqlite3_column_count(row); ++i) {
        const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(row, i));
        values.emplace_back(text == nullptr ? "-" : text);
      }
    }
    sqlite3_finalize(row);
    return values;
  }

 private:
  sqlite3* db_ = nullptr;
};

class StoreFile : public testing::Test {
 protected:
  std::string path() const { return folder_.path("events.db"); }
  std::unique_ptr<Store> open() { return value_of(Store::open({path()})); }
  std::unique_ptr<StoreReader> reader() { return value_of(StoreReader::open(path())); }
  ErrorCode refusal() {
    auto store = Store::open({path()});
    return store ? ErrorCode::kInternal : store.error().code;
  }
  void expect_sound() {
    Database db(path());
    EXPECT_EQ(db.query("PRAGMA integrity_check"), std::vector<std::string>{"ok"});
    // The hourly tables are exactly what the rows say.
    EXPECT_EQ(db.query("SELECT shape, hour, n FROM hour_shape ORDER BY 1, 2"),
              db.query("SELECT shape, time / 36000000000 AS h, count(*) FROM event "
                       "GROUP BY 1, 2 ORDER BY 1, 2"));
    EXPECT_EQ(db.query("SELECT rows FROM state"), db.query("SELECT count(*) FROM event"));
  }

  TempDir folder_;
};

TEST_F(StoreFile, IsCreatedEmptyAndOpensAgainWithWhatWasStored) {
  {
    auto store = open();
    StoreStatus empty = value_of(reader()->status());
    EXPECT_EQ(empty.rows, 0U);
    EXPECT_EQ(empty.oldest_seq, 0U);
    EXPECT_FALSE(empty.oldest_time);
    value_of(store->append(records(1, 10, "position 10")));
  }
  auto store = open();
  auto ours = reader();
  StoreStatus status = value_of(ours->status());
  EXPECT_EQ(status.rows, 10U);
  EXPECT_EQ(status.newest_seq, 10U);
  EXPECT_EQ(status.oldest_seq, 1U);
  EXPECT_EQ(status.newest_time->ticks, kSampleTime.ticks + 10 * Timestamp::kTicksPerSecond);
  EXPECT_GT(status.file_bytes, 0U);
  EXPECT_EQ(value_of(ours->position("evtx:a")), "position 10");
  EXPECT_EQ(value_of(ours->position("evtx:unknown")), "");
  SourceRecord source = value_of(ours->sources()).at(0);
  EXPECT_EQ(source.stored, 10U);
  EXPECT_EQ(source.last_event_time, status.newest_time);
}

TEST_F(StoreFile, AnEmptyPositionLeavesTheStoredOneAndCountersAddUp) {
  auto store = open();
  EventBatch batch = records(1, 1, "first");
  batch.lost = 2;
  batch.damaged = 3;
  value_of(store->append(batch));
  batch.position.clear();
  value_of(store->append(batch));
  SourceRecord source = value_of(reader()->sources()).at(0);
  EXPECT_EQ(source.position, "first");
  EXPECT_EQ(source.stored, 1U);
  EXPECT_EQ(source.lost, 4U);
  EXPECT_EQ(source.damaged, 6U);
}

TEST_F(StoreFile, ASecondStoreIsRefusedUntilTheFirstIsGone) {
  auto store = open();
  EXPECT_EQ(refusal(), ErrorCode::kConflict);
  store.reset();
  EXPECT_NE(open(), nullptr);
}

TEST_F(StoreFile, WhatIsNotOursIsRefused) {
  folder_.write("events.db", std::string(8192, 'x'));
  EXPECT_EQ(refusal(), ErrorCode::kCorrupt);
  std::filesystem::remove(path());
  { Database(path()).query("CREATE TABLE other(x)"); }
  EXPECT_EQ(refusal(), ErrorCode::kCorrupt);
  EXPECT_FALSE(StoreReader::open(path()));
}

TEST_F(StoreFile, ANewerVersionIsRefusedByName) {
  open().reset();
  { Database(path()).query("PRAGMA user_version = 99"); }
  auto store = Store::open({path()});
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, ErrorCode::kUnsupported);
  EXPECT_NE(store.error().message.find("99"), std::string::npos);
}

TEST_F(StoreFile, ATruncatedFileGivesAnErrorNotACrash) {
  {
    auto store = open();
    for (std::uint64_t i = 0; i < 20; ++i) value_of(store->append(records(i * 500, i * 500 + 499)));
  }
  std::filesystem::resize_file(path(), std::filesystem::file_size(path()) / 2);
  auto store = Store::open({path()});
  auto ours = StoreReader::open(path());
  bool failed = !store || !ours;
  if (!failed) {
    PageQuery query;
    query.limit = kMaxPageSize;
    for (int pages = 0; pages < 30 && !failed; ++pages) {
      auto page = (*ours)->page(query);
      failed = !page;
      if (failed) {
        EXPECT_EQ(page.error().code, ErrorCode::kCorrupt) << page.error().message;
      } else if (!page->next) {
        break;
      } else {
        query.cursor = page->next;
      }
    }
  }
  EXPECT_TRUE(failed);
}

TEST_F(StoreFile, ATextThatCouldNotBeReadIsReadAgainByTheNextQuestion) {
  {
    auto store = open();
    value_of(store->append(records(1, 5)));
  }
  std::string id;
  {
    Database db(path());
    id = db.query("SELECT id FROM text WHERE value = 'PC01'").at(0);
    db.query("DELETE FROM text WHERE value = 'PC01'");
  }
  auto ours = reader();
  for (int i = 0; i < 2; ++i) {
    auto page = ours->page({});
    ASSERT_FALSE(page) << i;
    EXPECT_EQ(page.error().code, ErrorCode::kCorrupt);
  }
  { Database(path()).query("INSERT INTO text(id, value) VALUES(" + id + ", 'PC01')"); }
  EXPECT_EQ(value_of(ours->page({})).list.events.at(0).host, "PC01");
}

TEST_F(StoreFile, AMissingFolderOrFileIsNamed) {
  auto missing = Store::open({folder_.path("no/such/events.db")});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::kIo);
  EXPECT_NE(missing.error().message.find("folder does not exist"), std::string::npos);
  auto file = Store::open({path(), false});
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code, ErrorCode::kNotFound);
  EXPECT_FALSE(StoreReader::open(path()));
}

TEST_F(StoreFile, AReaderWorksWithoutAStoreAndNeverWrites) {
  {
    auto store = open();
    value_of(store->append(records(1, 5)));
  }
  EXPECT_EQ(value_of(reader()->page({})).list.events.size(), 5U);
}

TEST_F(StoreFile, RetentionDeletesTheOldestAndSaysSo) {
  auto store = open();
  RandomEvents random(4);
  for (int i = 0; i < 6; ++i) {
    EventBatch batch;
    batch.source = "evtx:a";
    for (int k = 0; k < 100; ++k) random.add(batch.list, batch.source);
    value_of(store->append(batch));
  }
  EXPECT_EQ(value_of(store->delete_oldest(1000, Timestamp{0})), 0U);
  EXPECT_EQ(value_of(store->delete_oldest(250, kMaxTimestamp)), 250U);
  expect_sound();
  auto ours = reader();
  EXPECT_EQ(ours->event(250).error().code, ErrorCode::kGone);
  EXPECT_TRUE(ours->event(251));
  Tail tail = value_of(ours->tail({{}, 100, 10, false}));
  EXPECT_EQ(tail.gap_through, 250U);
  EXPECT_EQ(tail.list.events.at(0).seq, 251U);
  EXPECT_EQ(value_of(ours->tail({{}, 250, 10, false})).gap_through, 0U);
  EXPECT_EQ(value_of(ours->status()).oldest_seq, 251U);
  EXPECT_EQ(value_of(ours->status()).rows, 350U);
}

TEST_F(StoreFile, IdsAreNeverUsedAgain) {
  {
    auto store = open();
    value_of(store->append(records(1, 100)));
    EXPECT_EQ(value_of(store->delete_oldest(1000, kMaxTimestamp)), 100U);
    EXPECT_EQ(value_of(store->delete_oldest(1000, kMaxTimestamp)), 0U);
  }
  auto store = open();
  EXPECT_EQ(value_of(store->append(records(1, 1))).newest_seq, 101U);
  expect_sound();
}

TEST_F(StoreFile, AFullDiskStoresNothingOfTheBatchAndRecovers) {
  auto store = open();
  value_of(store->append(records(1, 10, "ten")));
  value_of(store->limit_pages(60));
  auto failed = store->append(records(11, 50'000, "many"));
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(value_of(reader()->position("evtx:a")), "ten");
  EXPECT_EQ(value_of(reader()->status()).rows, 10U);
  value_of(store->limit_pages(1'000'000));
  EXPECT_EQ(value_of(store->append(records(1, 50'000, "many"))).stored, 49'990U);
  expect_sound();
}

TEST_F(StoreFile, ALongQuestionEndsAtItsDeadlineAndTheNextOneWorks) {
  auto store = open();
  for (std::uint64_t i = 0; i < 30; ++i) {
    value_of(store->append(records(i * 5000, i * 5000 + 4999)));
  }
  auto ours = reader();
  ours->set_deadline_ms(1);
  PageQuery query;
  query.filter.record_id.any = {{0, UINT64_MAX}};
  query.limit = kMaxPageSize;
  query.raw = true;
  query.count = true;
  auto page = ours->page(query);
  ASSERT_FALSE(page);
  EXPECT_EQ(page.error().code, ErrorCode::kUnavailable);
  EXPECT_NE(page.error().message.find("longer than 1 ms"), std::string::npos);
  ours->set_deadline_ms(0);
  EXPECT_EQ(*value_of(ours->page(query)).total, 150'000U);
}

TEST_F(StoreFile, AQuestionUnderWayEndsWhenTheStopFlagIsSetAndTheReaderStaysUsable) {
  auto store = open();
  for (std::uint64_t i = 0; i < 30; ++i) {
    value_of(store->append(records(i * 5000, i * 5000 + 4999)));
  }
  auto ours = reader();
  std::atomic<bool> stop = false;
  ours->set_deadline_ms(0);
  ours->set_stop_flag(&stop);
  PageQuery query;
  query.filter.q = "99.99.99.99";
  query.filter.record_id.none = {{1, 1}};
  query.count = true;
  EXPECT_EQ(*value_of(ours->page(query)).total, 0U);
  std::atomic<bool> asking = false;
  std::thread stopper([&] {
    while (!asking) std::this_thread::yield();
    stop = true;
  });
  asking = true;
  // Asked again and again: the flag is seen in the midst of one of them, or by the next.
  auto page = ours->page(query);
  for (int i = 0; i < 100 && page; ++i) page = ours->page(query);
  stopper.join();
  ASSERT_FALSE(page);
  EXPECT_EQ(page.error().code, ErrorCode::kUnavailable);
  EXPECT_NE(page.error().message.find("stopping"), std::string::npos);
  ours->set_stop_flag(nullptr);
  EXPECT_EQ(*value_of(ours->page(query)).total, 0U);
}

TEST_F(StoreFile, TheMostFrequentOfManyAddressesAreExactAndTiesGoByValue) {
  auto store = open();
  constexpr std::uint32_t kMany = 100'000;
  EventBatch batch = records(1, kMany);
  std::uint32_t host = 0x0a000000U;
  for (Event& event : batch.list.events) {
    event.remote_address = IpAddress::v4(host++);
    event.process_id = std::uint64_t{host} << 33;
  }
  for (std::size_t i = 0; i < 3; ++i) {
    batch.list.events[i].remote_address = parse_ip_address("2001:db8::7");
    batch.list.events[i + 3].remote_address.reset();
  }
  value_of(store->append(batch));
  auto ours = reader();
  TopQuery query;
  query.by = TopField::kRemoteAddress;
  query.limit = 4;
  Top top = value_of(ours->top(query));
  EXPECT_EQ(top.total, kMany);
  ASSERT_EQ(top.values.size(), 4U);
  EXPECT_EQ(top.values[0].value, std::nullopt);
  EXPECT_EQ(top.values[1].value, "2001:db8::7");
  EXPECT_EQ(top.values[1].count, 3U);
  EXPECT_EQ(top.values[2].value, "10.0.0.10");
  EXPECT_EQ(top.values[3].value, "10.0.0.100");
  ours->set_deadline_ms(1);
  for (TopField by : {TopField::kRemoteAddress, TopField::kProcessId}) {
    query.by = by;
    auto late = ours->top(query);
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().code, ErrorCode::kUnavailable);
  }
}

TEST_F(StoreFile, TheViewSpeaksTheContractsWords) {
  auto store = open();
  RandomEvents random(11);
  EventBatch batch;
  batch.source = "evtx:a";
  for (int i = 0; i < 300; ++i) random.add(batch.list, batch.source);
  value_of(store->append(batch));
  Database db(path());
  std::vector<std::string> want;
  for (const Event& e : batch.list.events) {
    auto text = [](std::string_view t) { return t.empty() ? "-" : std::string(t); };
    auto number = [](const auto& n) { return n ? std::to_string(*n) : "-"; };
    auto v4 = [](const auto& a) { return a && a->is_v4() ? format_ip_address(*a) : "-"; };
    want.push_back(format_rfc3339(e.time));
    want.push_back(std::string(to_word(action_of(e.event_id))));
    want.push_back(std::string(to_word(scope_of(e.event_id))));
    want.push_back(e.direction ? std::string(to_word(*e.direction)) : "-");
    want.push_back(e.protocol ? text(protocol_name(*e.protocol)) : "-");
    want.push_back(std::string(to_word(e.reason)));
    want.push_back(v4(e.remote_address));
    want.push_back(number(e.remote_port));
    want.push_back(text(e.application));
    want.push_back(e.application.empty() ? "-" : application_name(e.application));
    want.push_back(text(e.host));
    want.push_back(text(e.filter_name));
    want.push_back(text(e.layer));
  }
  EXPECT_EQ(db.query("SELECT time, action, scope, direction, protocol_name, reason, CASE WHEN "
                     "remote_address LIKE '%:%' THEN NULL ELSE remote_address END, remote_port, "
                     "application, application_name, host, filter_name, layer FROM events "
                     "ORDER BY seq"),
            want);
  Event v6 = sample_event(1);
  v6.remote_address = parse_ip_address("2001:db8::a");
  value_of(store->append(batch_of({v6})));
  EXPECT_EQ(db.query("SELECT remote_address FROM events ORDER BY seq DESC LIMIT 1"),
            std::vector<std::string>{"2001:0db8:0000:0000:0000:0000:0000:000a"});
}

}  // namespace
}  // namespace blockwatch
