// Random logs, errors, batch sizes and crashes: whatever happens, every event that is still in the
// log is stored exactly once, and every one that is not stored is inside a fact that says so.

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

#include "monitor/eventlog_position.h"
#include "monitor/eventlog_source.h"
#include "storage/event_store.h"
#include "tests/monitor/fake_eventlog.h"
#include "tests/support/temp_dir.h"

namespace blockwatch {
namespace {

struct Crash {};

class RandomRun {
 public:
  explicit RandomRun(unsigned seed) : random_(seed) {
    log_.idle = [this] { on_idle(); };
    log_.busy = [this] {
      if (below(10) == 0) disturb();
    };
    log_.ended = [this] {
      if (below(10) == 0) disturb();
    };
  }

  void go() {
    add(below(200));
    for (changes_ = 20 + static_cast<int>(below(60)); changes_ > 0;) run_once();
    // Undisturbed at last: a crash, a failure or two, then everything must be there.
    quiet_ = true;
    log_.largest_batch = UINT32_MAX;
    for (int tries = 0; tries < 4; ++tries) run_once();
    check();
  }

 private:
  unsigned below(unsigned n) { return std::uniform_int_distribution<unsigned>(0, n - 1)(random_); }

  void add(unsigned n) {
    for (; n > 0; --n) {
      if (below(3) == 0) {
        log_.add_other();
        continue;
      }
      log_.add_block();
      written_[log_.records().back().time] = log_.newest();
    }
  }

  void disturb() {
    if (quiet_) return;
    switch (below(14)) {
      case 0:
        log_.overwrite_below(log_.newest() - std::min<std::uint64_t>(log_.newest(), below(80)));
        break;
      case 1:
        log_.clear();
        break;
      case 2:
        log_.replace();
        break;
      case 3:
        log_.restart_service();
        break;
      case 4:
        log_.freeze();
        break;
      case 5:
        log_.largest_batch = 1 + below(120);
        break;
      case 6: {
        static constexpr std::uint32_t kErrors[] = {5, 6, 1460, 1722, 4317, 15011, 15012};
        const auto code = kErrors[below(std::size(kErrors))];
        log_.next_errors.push_back(code);
        break;
      }
      case 7:
        log_.subscribe_errors.push_back(below(2) == 0 ? 5 : 1722);
        break;
      case 8:
        log_.info_errors.push_back(1722);
        break;
      case 9:
        if (log_.newest() > 0) log_.unreadable.insert(log_.records().empty() ? 0 : log_.newest());
        break;
      default:
        add(below(150));
    }
  }

  void on_idle() {
    if (changes_ == 0 || below(8) == 0) {
      stop_.request_stop();
    } else {
      --changes_;
      disturb();
    }
  }

  // Until it is stopped, fails, or crashes: then what was handed over last was never stored.
  void run_once() {
    EventLogOptions options{
        .record = kBlocksAndDrops,
        .batch = 1 + below(120),
        .look_interval = std::chrono::milliseconds(0),
        .silence = std::chrono::milliseconds(quiet_ || below(2) == 0 ? 0 : 1'000'000)};
    auto source = make_eventlog_source(log_.api(), options);
    stop_ = std::stop_source();
    std::vector<EventBatch> queue;
    unsigned until_crash = quiet_ ? UINT_MAX : below(40);
    const auto commit = [&] {
      if (queue.empty()) return;
      EXPECT_TRUE(store_->append(queue));
      queue.clear();
      const auto position = reader_->position("windows:Security");
      const auto first = parse_eventlog_position(position ? *position : "");
      if (first && first_look_.ticks == 0) first_look_ = first->looked_time;
    };
    const auto emit = [&](EventBatch&& batch) {
      if (until_crash-- == 0) throw Crash();
      queue.push_back(std::move(batch));
      if (below(3) == 0) commit();
      return true;
    };
    const auto position_of = [&](const std::string& name) { return reader_->position(name); };
    // Two runs of one source: what was handed over stays in the queue for the second.
    for (int run = 0; run < 2 && !stop_.stop_requested(); ++run) {
      SourceReport report;
      try {
        if (source->run(position_of, emit, report, stop_.get_token())) break;
      } catch (const Crash&) {
        --changes_, changes_ = std::max(changes_, 0);
        return;
      }
    }
    commit();
    if (changes_ > 0) --changes_;
  }

  void check() {
    std::map<Timestamp, std::uint64_t> stored;
    PageQuery query;
    query.limit = kMaxPageSize;
    for (;;) {
      const auto page = reader_->page(query);
      ASSERT_TRUE(page);
      for (const Event& e : page->list.events) {
        EXPECT_TRUE(stored.emplace(e.time, *e.record_id).second) << "twice: " << *e.record_id;
      }
      if (!page->next) break;
      query.cursor = page->next;
    }
    const auto coverage = reader_->coverage({});
    ASSERT_TRUE(coverage);
    ASSERT_FALSE(coverage->more);
    std::string facts;
    for (const CoverageFact& f : coverage->facts) {
      facts += std::string(to_word(f.kind)) + ' ' + std::to_string(f.start.ticks) + '-' +
               std::to_string(f.end.value_or(kMaxTimestamp).ticks) + " records " +
               std::to_string(f.first_record_id.value_or(0)) + '-' +
               std::to_string(f.last_record_id.value_or(0)) + ' ' + f.detail + '\n';
    }
    SCOPED_TRACE(facts);
    std::set<Timestamp> in_log;
    for (const FakeRecord& r : log_.records()) {
      if (r.event_id == 5157 && !log_.unreadable.contains(r.id)) in_log.insert(r.time);
    }
    for (const auto& [time, id] : stored) {
      EXPECT_TRUE(written_.contains(time) && written_[time] == id) << "made up: " << id;
    }
    for (const auto& [time, id] : written_) {
      if (stored.contains(time)) continue;
      if (time <= first_look_ && !in_log.contains(time)) continue;  // before it knew the log
      EXPECT_FALSE(in_log.contains(time))
          << "in the log and not stored: " << id << " of " << time.ticks;
      EXPECT_TRUE(explained(*coverage, time, id))
          << "lost without a word: " << id << " of " << time.ticks;
    }
    for (const CoverageFact& f : coverage->facts) {
      EXPECT_TRUE(f.end) << to_word(f.kind) << " never ended";
    }
  }

  bool explained(const Coverage& coverage, Timestamp time, std::uint64_t id) const {
    for (const CoverageFact& f : coverage.facts) {
      if (f.kind == CoverageKind::kRecordsDamaged && log_.unreadable.contains(id)) return true;
      if (f.kind != CoverageKind::kRecordsMissing || time < f.start || time > f.end) continue;
      if (!f.first_record_id || (id >= *f.first_record_id && id <= *f.last_record_id)) return true;
    }
    return false;
  }

  std::mt19937 random_;
  FakeEventLog log_;
  std::map<Timestamp, std::uint64_t> written_;
  TempDir dir_;
  std::unique_ptr<Store> store_ = std::move(*Store::open({.path = dir_.path("store.db")}));
  std::unique_ptr<StoreReader> reader_ = std::move(*StoreReader::open(dir_.path("store.db")));
  std::stop_source stop_;
  Timestamp first_look_;  // as the first position says
  int changes_ = 0;
  bool quiet_ = false;
};

TEST(EventLogProperty, NothingIsLostWithoutAFactAndNothingComesTwice) {
  for (unsigned seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RandomRun(seed).go();
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace blockwatch
