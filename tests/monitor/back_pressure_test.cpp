// Sources that are faster than the store, a store that fails now and then, and restarts in the
// middle: every record is stored, refused or counted as lost, each exactly once.

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <iostream>
#include <mutex>
#include <random>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "monitor/monitor.h"
#include "storage/event_writer.h"
#include "storage/sqlite_internal.h"
#include "tests/storage/store_test_support.h"
#include "tests/support/eventually.h"
#include "tests/support/temp_dir.h"

namespace blockwatch {
namespace {

constexpr std::uint64_t kRecords = 6'000;
constexpr std::uint64_t kMostInBatch = 40;

bool is_refused(std::uint64_t id) { return id % 17 == 0; }

Event record_event(std::uint64_t id) {
  Event e = sample_event(id, static_cast<std::int64_t>(id));
  e.source = "test:log";
  if (is_refused(id)) e.time.ticks = -1;
  return e;
}

// Records 1 to newest(), of which only the last `capacity` are left.
class WrappingLog {
 public:
  explicit WrappingLog(std::uint64_t capacity) : capacity_(capacity) {}
  void write(std::uint64_t records) { newest_ = std::min(newest_ + records, kRecords); }
  std::uint64_t newest() const { return newest_; }
  std::uint64_t oldest_of(std::uint64_t newest) const {
    return newest > capacity_ ? newest - capacity_ + 1 : 1;
  }

 private:
  const std::uint64_t capacity_;
  std::atomic<std::uint64_t> newest_ = 0;
};

// Can wait: what it has not handed on stays in the log, until it is overwritten there.
class LogSource final : public EventSource {
 public:
  LogSource(WrappingLog& log, std::uint64_t seed) : log_(log), random_(seed) {}
  const std::string& name() const override { return name_; }

  Result<void> run(const PositionFn& position_of, const BatchFn& emit, SourceReport&,
                   std::stop_token stop) override {
    const auto stored = position_of(name_);
    if (!stored) return tl::unexpected(stored.error());
    const std::uint64_t looked = stored->empty() ? 0 : std::stoull(*stored);
    // Some are read again, as after a lost bookmark; the store knows them, but for the refused
    // ones: those have no identity, and would be counted again.
    std::uint64_t next = looked + 1 - std::min<std::uint64_t>(looked, random_() % 50);
    while (!stop.stop_requested() && next <= kRecords) {
      EventBatch batch{.source = name_};
      const std::uint64_t newest = log_.newest();
      const std::uint64_t oldest = log_.oldest_of(newest);
      if (oldest > next) {
        const std::uint64_t first = std::max(next, looked + 1);
        if (oldest > first) {
          batch.lost = oldest - first;
          batch.facts.push_back({.kind = CoverageKind::kRecordsMissing,
                                 .start = kSampleTime,
                                 .end = kSampleTime,
                                 .first_record_id = first,
                                 .last_record_id = oldest - 1,
                                 .missing_records = batch.lost});
        }
        next = oldest;
      }
      const std::uint64_t end = std::min(newest + 1, next + 1 + random_() % kMostInBatch);
      for (; next < end; ++next) {
        if (next > looked || !is_refused(next)) batch.list.events.push_back(record_event(next));
      }
      batch.position = std::to_string(std::max(next - 1, looked));
      if (batch.list.events.empty() && batch.lost == 0) {
        std::this_thread::yield();
      } else if (!emit(std::move(batch))) {
        return {};
      }
    }
    return {};
  }

 private:
  const std::string name_ = "test:log";
  WrappingLog& log_;
  std::mt19937_64 random_;
};

// Cannot wait: records come from a callback into a queue of few, and what finds no room is counted.
class CallbackSource final : public EventSource {
 public:
  const std::string& name() const override { return name_; }
  bool rereads() const override { return false; }

  void call(std::uint64_t id) {
    const std::lock_guard lock(mutex_);
    if (waiting_.size() < 64) {
      waiting_.push_back(id);
    } else {
      ++dropped_;
    }
  }
  void end() { ended_ = true; }

  Result<void> run(const PositionFn&, const BatchFn& emit, SourceReport&,
                   std::stop_token) override {
    for (std::int64_t moment = 1;; ++moment) {
      const bool last = ended_;
      EventBatch batch{.source = name_};
      {
        const std::lock_guard lock(mutex_);
        for (const std::uint64_t id : waiting_) batch.list.events.push_back(record_event(id));
        waiting_.clear();
        batch.lost = std::exchange(dropped_, 0);
      }
      if (batch.lost > 0) {
        const Timestamp time{kSampleTime.ticks + moment};
        batch.facts.push_back({.kind = CoverageKind::kRecordsDropped,
                               .start = time,
                               .end = time,
                               .missing_records = batch.lost});
      }
      if (!batch.list.events.empty() || batch.lost > 0) emit(std::move(batch));
      if (last) break;
    }
    return {};
  }

 private:
  const std::string name_ = "test:calls";
  std::mutex mutex_;
  std::vector<std::uint64_t> waiting_;  // guarded by mutex_
  std::uint64_t dropped_ = 0;           // guarded by mutex_
  std::atomic<bool> ended_ = false;
};

class BackPressure : public testing::TestWithParam<std::uint64_t> {
 protected:
  BackPressure() {
    value_of(Store::open({path()}));
    faults_ = std::make_unique<SqlConnection>(path(), SqlConnection::Mode::kReadWrite);
    faults_->execute(
        "PRAGMA wal_autocheckpoint = 0; CREATE TABLE fault(id INTEGER PRIMARY KEY);"
        "CREATE TRIGGER fail BEFORE INSERT ON source WHEN EXISTS(SELECT 1 FROM fault) "
        "BEGIN SELECT RAISE(ABORT, 'a fault'); END");
  }
  std::string path() const { return folder_.path("events.db"); }
  void fail(bool on) {
    faults_->execute(on ? "INSERT OR IGNORE INTO fault VALUES(1)" : "DELETE FROM fault");
  }

  static bool has_finished(const Monitor& monitor) {
    return monitor.status().at(0).report.state == SourceState::kFinished;
  }

  // One life of the program: until `until` holds, with faults meanwhile.
  template <class Until>
  void live(std::unique_ptr<EventSource> source, const Until& until) {
    CommitSignal signal;
    EventWriter writer(value_of(Store::open({path()})), signal, {0, 0});
    std::stop_source stop;
    auto reader = value_of(StoreReader::open(path()));
    Monitor monitor(
        [&](const std::string& name) { return reader->position(name); },
        [&](EventBatch&& batch) { return writer.push(std::move(batch), count_, stop.get_token()); },
        [](const std::string&, const std::string&) {});
    monitor.add(std::move(source));
    while (!until(monitor)) {
      if (random_() % 100 == 0) fail(random_() % 2 == 0);
      std::this_thread::yield();
    }
    const bool whole = has_finished(monitor) || random_() % 2 == 0;
    if (whole) fail(false);
    stop.request_stop();
    monitor.stop();
    const bool drained = writer.stop(whole ? 60'000 : static_cast<std::uint32_t>(random_() % 20));
    EXPECT_TRUE(drained || !whole);
    failures_ += writer.counters().failures;
    fail(false);
  }

  // `produced` records, as every place counts them.
  void expect_exact(const std::string& name, std::uint64_t produced) {
    auto reader = value_of(StoreReader::open(path()));
    const auto source = value_of(reader->sources()).at(0);
    ASSERT_EQ(source.name, name);
    EXPECT_EQ(source.stored + source.lost + source.damaged, produced);
    EXPECT_EQ(source.stored, value_of(reader->status()).rows);
    std::set<std::uint64_t> ids;
    for (TailQuery query{{}, 0, 1000, false};;) {
      const Tail tail = value_of(reader->tail(query));
      for (const Event& e : tail.list.events) EXPECT_TRUE(ids.insert(*e.record_id).second);
      if (tail.covered_seq == query.after) break;
      query.after = tail.covered_seq;
    }
    EXPECT_EQ(ids.size(), source.stored);
    std::uint64_t missing = 0;
    for (const CoverageFact& fact : value_of(reader->coverage({})).facts) {
      missing += fact.missing_records.value_or(0);
      if (!fact.first_record_id) continue;
      for (std::uint64_t id = *fact.first_record_id; id <= *fact.last_record_id; ++id) {
        EXPECT_FALSE(ids.contains(id)) << id;
      }
    }
    EXPECT_EQ(missing, source.lost);
    std::cout << name << ": produced " << produced << ", stored " << source.stored << ", refused "
              << source.damaged << ", lost and counted " << source.lost << ", given again "
              << duplicates_ << ", failed commits " << failures_ << '\n';
  }

  TempDir folder_;
  std::mt19937_64 random_{GetParam()};
  std::unique_ptr<SqlConnection> faults_;
  std::uint64_t failures_ = 0;
  std::atomic<std::uint64_t> duplicates_ = 0;
  const EventWriter::Done count_ = [this](const AppendResult& r) { duplicates_ += r.duplicate; };
};

TEST_P(BackPressure, ALogThatWaitsLosesOnlyWhatIsOverwritten) {
  WrappingLog log(200 + random_() % 3'000);
  std::jthread producer([&log, seed = random_()](const std::stop_token& stop) {
    std::mt19937_64 random(seed);
    while (log.newest() < kRecords && !stop.stop_requested()) {
      if (random() % 200 == 0) log.write(random() % 400);
      std::this_thread::yield();
    }
  });
  for (std::uint64_t until = 0; until < kRecords; until += 500 + random_() % 2'000) {
    live(std::make_unique<LogSource>(log, random_()),
         [&](const Monitor&) { return log.newest() >= until; });
  }
  producer.join();
  auto reader = value_of(StoreReader::open(path()));
  live(std::make_unique<LogSource>(log, random_()), [&](const Monitor&) {
    return value_of(reader->position("test:log")) == std::to_string(kRecords);
  });
  expect_exact("test:log", kRecords);
}

TEST_P(BackPressure, ACallbackThatCannotWaitCountsWhatItDrops) {
  auto source = std::make_unique<CallbackSource>();
  CallbackSource* calls = source.get();
  std::atomic<std::uint64_t> called = 0;
  std::jthread producer([&, seed = random_()] {
    std::mt19937_64 random(seed);
    while (called < kRecords) {
      calls->call(++called);
      if (random() % 20 == 0) std::this_thread::yield();
    }
    calls->end();
  });
  live(std::move(source), has_finished);
  producer.join();
  expect_exact("test:calls", kRecords);
}

INSTANTIATE_TEST_SUITE_P(Seeds, BackPressure, testing::Range<std::uint64_t>(1, 7));

}  // namespace
}  // namespace blockwatch
