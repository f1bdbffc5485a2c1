// The queue and its thread: order, bounds, failures, stopping.

#include "storage/event_writer.h"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <atomic>
#include <functional>
#include <thread>

#include "tests/storage/store_test_support.h"
#include "tests/support/eventually.h"
#include "tests/support/temp_dir.h"

namespace blockwatch {
namespace {

class Writer : public testing::Test {
 protected:
  std::string path() const { return folder_.path("events.db"); }
  std::unique_ptr<StoreReader> reader() { return value_of(StoreReader::open(path())); }
  void start(RetentionOptions retention = {0, 0}, std::uint32_t pages = 0) {
    auto store = value_of(Store::open({path()}));
    if (pages > 0) value_of(store->limit_pages(pages));
    writer_ = std::make_unique<EventWriter>(std::move(store), signal_, retention);
  }

  TempDir folder_;
  CommitSignal signal_;
  std::unique_ptr<EventWriter> writer_;
};

TEST_F(Writer, CommitsBatchesInOrderAndTellsWhoWaits) {
  start();
  std::atomic<std::uint64_t> told = 0;
  for (std::uint64_t i = 0; i < 50; ++i) {
    ASSERT_TRUE(writer_->push(records(i * 20, i * 20 + 19, std::to_string(i)),
                              [&](const AppendResult& r) { told += r.stored; }, {}));
  }
  EXPECT_TRUE(writer_->stop());
  EXPECT_EQ(told, 1000U);
  EXPECT_EQ(signal_.newest_seq(), 1000U);
  EXPECT_EQ(value_of(reader()->position("evtx:a")), "49");
  auto tail = value_of(reader()->tail({{}, 0, 1000, false}));
  for (std::uint64_t i = 0; i < 1000; ++i) EXPECT_EQ(*tail.list.events[i].record_id, i);
  EXPECT_EQ(writer_->counters().stored, 1000U);
  EXPECT_FALSE(writer_->push(records(1, 1), {}, {}));
}

TEST_F(Writer, PublishesWhatWasStoredBeforeTheStart) {
  start();
  ASSERT_TRUE(writer_->push(records(1, 7), {}, {}));
  writer_.reset();
  CommitSignal fresh;
  EventWriter writer(value_of(Store::open({path()})), fresh, {0, 0});
  EXPECT_EQ(fresh.wait_newer(0, std::chrono::seconds(20)), 7U);
}

TEST_F(Writer, AFullDiskIsTriedAgainAndSeen) {
  start({0, 0}, 40);
  ASSERT_TRUE(writer_->push(records(1, 20'000), {}, {}));
  EXPECT_TRUE(eventually([&] { return writer_->counters().failures >= 2; }));
  WriterCounters counters = writer_->counters();
  EXPECT_FALSE(counters.last_error.empty());
  EXPECT_GT(counters.stalled_ms, 0);
  EXPECT_EQ(counters.queued_events, 20'000U);
  EXPECT_FALSE(writer_->stop(50));
  writer_.reset();
  EXPECT_EQ(value_of(reader()->status()).rows, 0U);
}

TEST_F(Writer, AFullQueueHoldsTheSourceUntilItIsToldToStop) {
  start({0, 0}, 40);
  ASSERT_TRUE(writer_->push(records(1, EventWriter::kMaxQueuedEvents), {}, {}));
  std::stop_source stop;
  std::atomic<bool> waiting = false;
  std::atomic<int> taken = -1;
  std::thread source([&] {
    waiting = true;
    taken = writer_->push(records(1, 10), {}, stop.get_token()) ? 1 : 0;
  });
  EXPECT_TRUE(eventually([&] { return waiting.load(); }));
  EXPECT_EQ(taken, -1);
  stop.request_stop();
  source.join();
  EXPECT_EQ(taken, 0);
  EXPECT_FALSE(writer_->stop(10));
}

TEST_F(Writer, WhatFitsIsTakenAfterTheSourceWasToldToStop) {
  start();
  std::stop_source stop;
  stop.request_stop();
  EXPECT_TRUE(writer_->push(records(1, 10), {}, stop.get_token()));
  EXPECT_TRUE(writer_->stop());
  EXPECT_EQ(value_of(reader()->status()).rows, 10U);
  EXPECT_FALSE(writer_->push(records(11, 12), {}, {}));
}

TEST_F(Writer, ACallersExceptionDoesNotEndTheThread) {
  start();
  ASSERT_TRUE(writer_->push(records(1, 1),
                            [](const AppendResult&) { throw std::runtime_error("a fault"); }, {}));
  ASSERT_TRUE(writer_->push(records(2, 2), {}, {}));
  EXPECT_TRUE(writer_->stop());
  EXPECT_EQ(value_of(reader()->status()).rows, 2U);
}

TEST_F(Writer, RetentionKeepsTheFileUnderItsBound) {
  auto store = value_of(Store::open({path()}));
  for (std::uint64_t i = 0; i < 10; ++i)
    value_of(store->append(records(i * 3000, i * 3000 + 2999)));
  std::uint64_t full = value_of(store->used_bytes());
  EventWriter writer(std::move(store), signal_, {0, full / 2});
  auto ours = reader();
  EXPECT_TRUE(eventually([&] {
    std::uint64_t rows = value_of(ours->status()).rows;
    return rows > 0 && rows < 20'000;
  }));
  EXPECT_TRUE(writer.stop());
  EXPECT_GT(value_of(ours->tail({{}, 0, 1, false})).gap_through, 0U);
}

TEST_F(Writer, RetentionGetsItsTurnWhileBatchesAlwaysWait) {
  auto store = value_of(Store::open({path()}));
  value_of(store->append(records(1, 30'000)));
  std::uint64_t full = value_of(store->used_bytes());
  writer_ = std::make_unique<EventWriter>(std::move(store), signal_, RetentionOptions{0, full / 3});
  std::atomic<bool> end = false;
  // A commit is followed by the next batch before the writer looks at its queue.
  std::function<void(const AppendResult&)> push_next = [&](const AppendResult&) {
    if (!end) writer_->push(records(30'000, 30'000), push_next, {});
  };
  ASSERT_TRUE(writer_->push(records(30'000, 30'000), push_next, {}));
  auto ours = reader();
  EXPECT_TRUE(eventually([&] { return value_of(ours->status()).rows < 15'000; }));
  end = true;
  EXPECT_TRUE(writer_->stop());
}

TEST_F(Writer, RetentionCuresAFullDisk) {
  auto store = value_of(Store::open({path()}));
  value_of(store->append(records(1, 30'000)));
  std::uint64_t full = value_of(store->used_bytes());
  value_of(store->limit_pages(static_cast<std::uint32_t>(full / 4096 + 20)));
  writer_ = std::make_unique<EventWriter>(std::move(store), signal_, RetentionOptions{0, full / 3});
  ASSERT_TRUE(writer_->push(records(30'001, 45'000), {}, {}));
  EXPECT_TRUE(eventually([&] { return writer_->counters().stored == 15'000; }));
  EXPECT_TRUE(writer_->stop());
}

TEST_F(Writer, AFailingRetentionIsSeenAndCommitsGoOn) {
  auto store = value_of(Store::open({path()}));
  value_of(store->append(records(1, 3000)));
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(path().c_str(), &db), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(db,
                         "CREATE TRIGGER keep BEFORE DELETE ON event BEGIN "
                         "SELECT RAISE(ABORT, 'rows are kept'); END",
                         nullptr, nullptr, nullptr),
            SQLITE_OK);
  sqlite3_close(db);
  writer_ = std::make_unique<EventWriter>(std::move(store), signal_, RetentionOptions{0, 1});
  auto seen = [&] {
    return writer_->counters().last_error.find("rows are kept") != std::string::npos;
  };
  EXPECT_TRUE(eventually(seen));
  ASSERT_TRUE(writer_->push(records(3001, 3010), {}, {}));
  EXPECT_TRUE(eventually([&] { return writer_->counters().stored == 10; }));
  EXPECT_TRUE(seen());
  EXPECT_EQ(writer_->counters().failures, 0U);
}

TEST_F(Writer, ABoundBelowTheEmptyStoreIsSaid) {
  auto store = value_of(Store::open({path()}));
  value_of(store->append(records(1, 5000)));
  writer_ = std::make_unique<EventWriter>(std::move(store), signal_, RetentionOptions{0, 1});
  EXPECT_TRUE(eventually([&] {
    return writer_->counters().last_error.find("without any event") != std::string::npos;
  }));
  EXPECT_EQ(value_of(reader()->status()).rows, 0U);
}

TEST_F(Writer, BatchesWithoutEventsFillTheQueueToo) {
  start({0, 0}, 40);
  ASSERT_TRUE(writer_->push(records(1, 20'000), {}, {}));
  std::stop_source stop;
  std::atomic<std::size_t> taken = 0;
  std::thread source([&] {
    while (writer_->push({.source = "evtx:a"}, {}, stop.get_token())) ++taken;
  });
  EXPECT_TRUE(eventually([&] { return taken == EventWriter::kMaxQueuedBatches - 1; }));
  stop.request_stop();
  source.join();
  EXPECT_EQ(taken, EventWriter::kMaxQueuedBatches - 1);
  EXPECT_FALSE(writer_->stop(10));
}

TEST_F(Writer, ChangedSettingsAreKeptAndComeIntoForceAtOnce) {
  auto store = value_of(Store::open({path()}));
  value_of(store->append(records(1, 20'000)));
  const std::uint64_t full = value_of(store->used_bytes());
  EXPECT_EQ(value_of(store->settings()), StoredSettings{});
  writer_ = std::make_unique<EventWriter>(std::move(store), signal_, RetentionOptions{0, 0});
  const StoredSettings wanted{.retention_days = {}, .max_db_size = full / 2, .record = 5};
  value_of(writer_->change_settings(wanted, {0, full / 2}));
  auto ours = reader();
  EXPECT_TRUE(eventually([&] { return value_of(ours->status()).rows < 15'000; }));
  EXPECT_TRUE(writer_->stop());
  EXPECT_EQ(writer_->change_settings({}, {}).error().code, ErrorCode::kUnavailable);
  writer_.reset();
  EXPECT_EQ(value_of(value_of(Store::open({path()}))->settings()), wanted);
}

TEST_F(Writer, ReadersSeeWholeCommitsWhileTheWriterWorks) {
  start();
  std::atomic<bool> end = false;
  std::vector<std::thread> readers;
  readers.reserve(4);
  for (int i = 0; i < 4; ++i) {
    readers.emplace_back([&, i] {
      auto ours = reader();
      std::uint64_t after = 0;
      while (!end || after < signal_.newest_seq()) {
        if (i % 2 == 0) {
          Tail tail = value_of(ours->tail({{}, after, 500, false}));
          for (const Event& event : tail.list.events) ASSERT_EQ(event.seq, ++after);
          signal_.wait_newer(after, std::chrono::milliseconds(5));
        } else {
          PageQuery query;
          query.count = true;
          Page page = value_of(ours->page(query));
          ASSERT_EQ(*page.total, page.newest_seq);
          ASSERT_EQ(*page.total % 25, 0U);
          after = page.newest_seq;
        }
      }
    });
  }
  for (std::uint64_t i = 0; i < 200; ++i) {
    ASSERT_TRUE(writer_->push(records(i * 25, i * 25 + 24), {}, {}));
  }
  EXPECT_TRUE(writer_->stop(60'000));
  end = true;
  for (auto& thread : readers) thread.join();
  EXPECT_EQ(value_of(reader()->status()).rows, 5000U);
}

}  // namespace
}  // namespace blockwatch
