#include "monitor/monitor.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <thread>
#include <utility>

#include "monitor/wait.h"

namespace blockwatch {
namespace {

constexpr std::chrono::milliseconds kFirstBackOff{500};
constexpr std::chrono::milliseconds kLongestBackOff{30'000};

}  // namespace

class Monitor::Impl {
 public:
  Impl(PositionFn position_of, BatchFn emit, LogFn log)
      : position_of_(std::move(position_of)), emit_(std::move(emit)), log_(std::move(log)) {}

  void add(std::unique_ptr<EventSource> source) {
    std::lock_guard lock(mutex_);
    auto& running = *running_.emplace_back(std::make_unique<Running>());
    running.source = std::move(source);
    running.thread = std::jthread([this, &running](std::stop_token stop) { run(running, stop); });
  }

  void repeat() {
    std::lock_guard lock(mutex_);
    for (auto& r : running_) {
      if (!r->source->rereads()) continue;
      std::lock_guard run_lock(r->run_mutex);
      r->repeat = true;
      r->run_stop.request_stop();
    }
  }

  void stop() {
    for (auto& r : running_) r->thread.request_stop();
    for (auto& r : running_) {
      if (r->thread.joinable()) r->thread.join();
    }
  }

  std::vector<SourceStatus> status() const {
    std::lock_guard lock(mutex_);
    std::vector<SourceStatus> all;
    for (const auto& r : running_)
      all.push_back({r->source->name(), r->report.snapshot(), r->source->rereads()});
    return all;
  }

 private:
  struct Running {
    std::unique_ptr<EventSource> source;
    SourceReport report;
    std::mutex run_mutex;
    std::stop_source run_stop;  // of the run under way; guarded by run_mutex
    bool repeat = false;        // the next run delivers everything; guarded by run_mutex
    std::string handed_on;      // the position of the last batch with one; the source's thread only
    std::jthread thread;        // last: it uses the others
  };

  void run(Running& running, std::stop_token stop) const {
    std::chrono::milliseconds back_off = kFirstBackOff;
    while (!stop.stop_requested()) {
      const auto started = std::chrono::steady_clock::now();
      const Result<void> done = run_once(running, stop);
      if (!stop.stop_requested() && must_repeat(running)) continue;
      if (done || stop.stop_requested()) {
        running.report.set_state(SourceState::kFinished);
        return;
      }
      running.report.set_error(done.error().message);
      running.report.set_state(SourceState::kFailed);
      log_(running.source->name(), done.error().message);
      // A source that ran for a while before it failed gets its patience back.
      if (std::chrono::steady_clock::now() - started > kLongestBackOff) back_off = kFirstBackOff;
      if (!wait_for(stop, back_off)) return;
      back_off = std::min(back_off * 2, kLongestBackOff);
    }
  }

  static bool must_repeat(Running& running) {
    std::lock_guard lock(running.run_mutex);
    return running.repeat;
  }

  // The wall for exceptions of libraries: a thread's end must not end the program.
  Result<void> run_once(Running& running, const std::stop_token& stop) const {
    std::stop_token run_stop;
    {
      std::lock_guard lock(running.run_mutex);
      if (std::exchange(running.repeat, false)) {
        running.source->forget();
        running.handed_on.clear();
      }
      running.run_stop = std::stop_source();
      run_stop = running.run_stop.get_token();
    }
    // A stop of the program is one of the run; not with the mutex held, as it may come at once.
    const std::stop_callback end_run(stop, [&running] {
      std::lock_guard lock(running.run_mutex);
      running.run_stop.request_stop();
    });
    const std::string& name = running.source->name();
    // What was handed on will be stored. Until it is, the store tells an older position, and what
    // was lost since then would be found and counted again. A store that tells none is a new one.
    const PositionFn position_of = [&](const std::string& source) {
      auto stored = position_of_(source);
      if (stored && !stored->empty() && source == name && !running.handed_on.empty()) {
        stored = running.handed_on;
      }
      return stored;
    };
    const BatchFn emit = [&](EventBatch&& batch) {
      std::string position = batch.source == name ? batch.position : std::string();
      if (!emit_(std::move(batch))) return false;
      if (!position.empty()) running.handed_on = std::move(position);
      return true;
    };
    try {
      return running.source->run(position_of, emit, running.report, run_stop);
    } catch (const std::exception& e) {
      return make_error(ErrorCode::kInternal, e.what());
    }
  }

  const PositionFn position_of_;
  const BatchFn emit_;
  const LogFn log_;
  mutable std::mutex mutex_;                       // guards the list, not what it points to
  std::vector<std::unique_ptr<Running>> running_;  // only grows
};

Monitor::Monitor(PositionFn position_of, BatchFn emit, LogFn log)
    : impl_(std::make_unique<Impl>(std::move(position_of), std::move(emit), std::move(log))) {}
Monitor::~Monitor() { stop(); }
void Monitor::add(std::unique_ptr<EventSource> source) { impl_->add(std::move(source)); }
void Monitor::repeat() { impl_->repeat(); }
void Monitor::stop() { impl_->stop(); }
std::vector<Monitor::SourceStatus> Monitor::status() const { return impl_->status(); }

}  // namespace blockwatch
