#include "storage/event_writer.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <future>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "storage/retention_slices_internal.h"

namespace blockwatch {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// Batches that wait are committed together up to this many events: the cost of a commit is then
// shared, and a slow consumer still sees its first events soon.
constexpr std::uint64_t kMaxTransactionEvents = 16'384;
// Commits follow each other no faster than this while few events wait: each writes the same few
// pages again, and what the log holds must be moved into the file, which waits for the disk.
constexpr auto kCommitPause = milliseconds(10);
constexpr std::uint64_t kEnoughEvents = 1024;
constexpr auto kRetentionEvery = std::chrono::minutes(1);
// Between slices, so that a long deletion leaves the processor and the disk to others.
constexpr auto kSlicePause = milliseconds(5);
constexpr auto kChangePatience = std::chrono::seconds(8);
constexpr auto kFirstRetry = milliseconds(50);
constexpr auto kLastRetry = milliseconds(5'000);

template <class Work>
auto as_value(const Work& work) -> decltype(work()) {
  try {
    return work();
  } catch (const std::exception& e) {
    return make_error(ErrorCode::kInternal, std::string("while working on the store: ") + e.what());
  }
}

}  // namespace

class EventWriter::Impl {
 public:
  Impl(std::unique_ptr<Store> store, CommitSignal& signal, RetentionOptions retention,
       StoreSupply supply)
      : store_(std::move(store)),
        signal_(signal),
        retention_(retention),
        supply_(std::move(supply)),
        thread_([this] { run(); }) {}

  ~Impl() {
    if (thread_.joinable()) stop(4000);
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  bool push(EventBatch batch, Done done, const std::stop_token& stop_asked) {
    std::unique_lock lock(mutex_);
    std::uint64_t events = batch.list.events.size();
    auto fits = [&] {
      return stopping_ || queue_.empty() ||
             (queued_events_ + events <= kMaxQueuedEvents && queue_.size() < kMaxQueuedBatches);
    };
    if (!room_.wait(lock, stop_asked, fits) || stopping_) return false;
    queued_events_ += events;
    queue_.push_back({std::move(batch), std::move(done)});
    work_.notify_one();
    return true;
  }

  bool stop(std::uint32_t drain_ms) {
    std::lock_guard once(stop_mutex_);
    {
      std::lock_guard lock(mutex_);
      if (!stopping_) deadline_ = Clock::now() + milliseconds(drain_ms);
      stopping_ = true;
    }
    room_.notify_all();
    work_.notify_all();
    if (thread_.joinable()) thread_.join();
    std::lock_guard lock(mutex_);
    return queue_.empty();
  }

  Result<void> change_settings(const StoredSettings& settings, RetentionOptions retention) {
    std::future<Result<void>> done;
    {
      std::lock_guard lock(mutex_);
      if (stopping_) return make_error(ErrorCode::kUnavailable, "the program is stopping");
      change_ = std::packaged_task<Result<void>()>([this, settings, retention]() -> Result<void> {
        if (!store_) return make_error(ErrorCode::kUnavailable, "the store is not open");
        auto saved = store_->save(settings);
        if (saved) {
          retention_.set(retention);
          next_retention_ = Clock::now();
        }
        return saved;
      });
      done = change_->get_future();
    }
    work_.notify_one();
    if (done.wait_for(kChangePatience) != std::future_status::ready && take_back_change()) {
      return make_error(ErrorCode::kUnavailable, "the store cannot be written at the moment");
    }
    try {
      return done.get();
    } catch (const std::exception&) {  // never made: another one came, or the program stops
      return make_error(ErrorCode::kUnavailable, "the settings could not be kept");
    }
  }

  WriterCounters counters() const {
    std::lock_guard lock(mutex_);
    WriterCounters counters = counters_;
    counters.queued_batches = queue_.size();
    counters.queued_events = queued_events_;
    if (counters.last_error.empty()) {
      counters.last_error = retention_error_.message;
      counters.last_code = retention_error_.code;
    }
    if (failing_since_) {
      auto waited = std::chrono::duration_cast<milliseconds>(Clock::now() - *failing_since_);
      counters.stalled_ms = waited.count() + 1;
    }
    return counters;
  }

  std::uint64_t epoch() const { return epoch_; }

 private:
  // False: it is being made.
  bool take_back_change() {
    std::lock_guard lock(mutex_);
    return std::exchange(change_, std::nullopt).has_value();
  }

  struct Item {
    EventBatch batch;
    Done done;
  };

  void run() {
    if (store_) publish_existing();
    milliseconds retry = kFirstRetry;
    bool committed_last = false;  // and not deleted
    while (true) {
      if (!store_ && !open_store()) {
        if (!wait_to_retry(retry)) return;
        continue;
      }
      std::size_t taken = 0;
      bool stopping = false;
      {
        std::unique_lock lock(mutex_);
        work_.wait_until(lock, next_retention_,
                         [&] { return stopping_ || change_ || !queue_.empty(); });
        if (change_) {
          auto change = *std::exchange(change_, std::nullopt);
          lock.unlock();
          change();
          continue;
        }
        if (!queue_.empty()) {
          work_.wait_until(lock, last_commit_ + kCommitPause,
                           [&] { return stopping_ || queued_events_ >= kEnoughEvents; });
        }
        stopping = stopping_;
        if (queue_.empty()) {
          if (stopping) return;
        } else {
          taken = batches_to_take();
        }
      }
      // In turns while batches wait, so that a source that never rests cannot outgrow the bound.
      bool due = !stopping && Clock::now() >= next_retention_;
      if (due && (taken == 0 || committed_last)) {
        retain_once(/*idle=*/taken == 0);
        committed_last = false;
        continue;
      }
      if (taken == 0) continue;
      if (commit(taken)) {
        last_commit_ = Clock::now();
        retry = kFirstRetry;
        committed_last = true;
        continue;
      }
      if (store_ && retain_once(/*idle=*/false)) continue;  // may cure a full disk
      if (!wait_to_retry(retry)) return;
    }
  }

  // False: stopping, and its time is over.
  bool wait_to_retry(milliseconds& retry) {
    std::unique_lock lock(mutex_);
    if (stopping_ && (queue_.empty() || Clock::now() >= deadline_)) return false;
    // Woken early only by stop(), which then still gets its tries until the deadline.
    bool was_stopping = stopping_;
    auto until = Clock::now() + retry;
    if (stopping_) until = std::min(until, deadline_);
    work_.wait_until(lock, until, [&] { return stopping_ && !was_stopping; });
    retry = std::min<milliseconds>(retry * 2, kLastRetry);
    return true;
  }

  bool open_store() {
    auto opened = as_value([&] { return supply_.open(damage_); });
    if (!opened) {
      fail(opened.error());
      return false;
    }
    store_ = std::move(*opened);
    damage_.clear();
    retention_.forget_clock();
    if (supply_.retention) retention_.set(supply_.retention());
    if (!store_->set_aside().empty()) {
      commit_doubted_ = retention_doubted_ = false;
      ++epoch_;
      supply_.begun_anew();
    }
    publish_existing();
    std::lock_guard lock(mutex_);
    if (queue_.empty()) succeed();
    return true;
  }

  // What a damaged page cache shows is gone when the file is opened again; what is still there then
  // is in the file.
  void doubt(bool& doubted, const Error& error) {
    if (error.code != ErrorCode::kCorrupt || !supply_.open) return;
    if (std::exchange(doubted, true)) damage_ = error.message;
    store_.reset();
  }

  void fail(const Error& error) {
    std::lock_guard lock(mutex_);
    ++counters_.failures;
    counters_.last_error = error.message;
    counters_.last_code = error.code;
    if (!failing_since_) failing_since_ = Clock::now();
  }

  // Requires the lock.
  void succeed() {
    counters_.last_error.clear();
    failing_since_.reset();
  }

  // The stored events count as committed for those who wait for newer ones.
  void publish_existing() {
    try {
      if (auto newest = store_->newest_seq()) signal_.publish(*newest);
    } catch (const std::exception&) {
      // The first real commit reports what is wrong.
      return;
    }
  }

  // How many of the queued batches go into the next transaction. Requires the lock.
  std::size_t batches_to_take() const {
    std::uint64_t events = 0;
    std::size_t count = 0;
    for (const Item& item : queue_) {
      events += item.batch.list.events.size();
      if (count > 0 && events > kMaxTransactionEvents) break;
      ++count;
    }
    return count;
  }

  // The batches stay at the front of the queue until they are committed; only this thread removes.
  bool commit(std::size_t count) {
    std::vector<EventBatch> batches;
    {
      std::lock_guard lock(mutex_);
      for (std::size_t i = 0; i < count; ++i) batches.push_back(std::move(queue_[i].batch));
    }
    for (EventBatch& batch : batches) {
      if (batch.epoch != epoch_) batch.position.clear();
    }
    const auto results = as_value([&] { return store_->append(batches); });
    if (!results) {
      {
        std::lock_guard lock(mutex_);
        for (std::size_t i = 0; i < count; ++i) queue_[i].batch = std::move(batches[i]);
      }
      fail(results.error());
      doubt(commit_doubted_, results.error());
      return false;
    }
    commit_doubted_ = false;
    std::vector<Done> done;
    {
      std::lock_guard lock(mutex_);
      for (std::size_t i = 0; i < count; ++i) {
        queued_events_ -= batches[i].list.events.size();
        counters_.stored += (*results)[i].stored;
        counters_.duplicate += (*results)[i].duplicate;
        done.push_back(std::move(queue_.front().done));
        queue_.pop_front();
      }
      succeed();
    }
    room_.notify_all();
    signal_.publish(results->back().newest_seq);
    for (std::size_t i = 0; i < count; ++i) {
      if (done[i]) tell(done[i], (*results)[i]);
    }
    return true;
  }

  // A caller's fault must not end the writer's thread.
  void tell(const Done& done, const AppendResult& result) {
    try {
      done(result);
    } catch (const std::exception& e) {
      std::lock_guard lock(mutex_);
      counters_.last_error = std::string("after a commit: ") + e.what();
    }
  }

  // One slice; it is due again soon while there is more to do. True: something went.
  bool retain_once(bool idle) {
    next_retention_ = Clock::now() + kRetentionEvery;
    const auto done = as_value([&] { return retention_.next(*store_, idle); });
    if (done) retention_doubted_ = false;
    if (!done) doubt(retention_doubted_, done.error());
    std::lock_guard lock(mutex_);
    retention_error_ =
        done ? Error{} : Error{done.error().code, "retention failed: " + done.error().message};
    if (!done || !*done) return false;
    next_retention_ = Clock::now() + kSlicePause;
    return true;
  }

  std::unique_ptr<Store> store_;  // the writer's thread only; null: to be opened
  CommitSignal& signal_;
  RetentionSlices retention_;  // the writer's thread only
  const StoreSupply supply_;
  std::atomic<std::uint64_t> epoch_{0};
  // The writer's thread only, as what follows. What the store must be opened without; empty:
  // nothing.
  std::string damage_;
  bool commit_doubted_ = false;                      // the last commit found damage
  bool retention_doubted_ = false;                   // the last retention found damage
  Clock::time_point next_retention_ = Clock::now();  // the writer's thread only
  Clock::time_point last_commit_;                    // the writer's thread only

  std::mutex stop_mutex_;  // one stop() at a time
  mutable std::mutex mutex_;
  std::condition_variable_any room_;
  std::condition_variable work_;
  std::deque<Item> queue_;           // guarded by mutex_
  std::uint64_t queued_events_ = 0;  // guarded by mutex_
  // Of the settings, to be made on the writer's thread; guarded by mutex_.
  std::optional<std::packaged_task<Result<void>()>> change_;
  WriterCounters counters_;                         // guarded by mutex_
  Error retention_error_;                           // guarded by mutex_; empty: the last went well
  std::optional<Clock::time_point> failing_since_;  // guarded by mutex_
  bool stopping_ = false;                           // guarded by mutex_
  Clock::time_point deadline_;                      // guarded by mutex_
  std::thread thread_;                              // last: it starts when everything else is there
};

EventWriter::EventWriter(std::unique_ptr<Store> store, CommitSignal& signal,
                         RetentionOptions retention, StoreSupply supply)
    : impl_(std::make_unique<Impl>(std::move(store), signal, retention, std::move(supply))) {}

EventWriter::~EventWriter() = default;

bool EventWriter::push(EventBatch batch, Done done, const std::stop_token& stop) {
  return impl_->push(std::move(batch), std::move(done), stop);
}

bool EventWriter::stop(std::uint32_t drain_ms) { return impl_->stop(drain_ms); }

Result<void> EventWriter::change_settings(const StoredSettings& settings,
                                          RetentionOptions retention) {
  return impl_->change_settings(settings, retention);
}

WriterCounters EventWriter::counters() const { return impl_->counters(); }

std::uint64_t EventWriter::epoch() const { return impl_->epoch(); }

}  // namespace blockwatch
