#pragma once
// A live or stored origin of events: what the monitor runs, one thread each.

#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include "storage/event.h"
#include "storage/result.h"

namespace blockwatch {

// Hands a batch on to be stored; waits while the queue is full. False: the program is stopping and
// the batch was not taken. A stopping program takes it as long as there is room.
using BatchFn = std::function<bool(EventBatch&&)>;

// The position a source has committed, empty when there is none. Reads the store.
using PositionFn = std::function<Result<std::string>(const std::string& source)>;

enum class SourceState : std::uint8_t { kStarting, kImporting, kFollowing, kFinished, kFailed };
std::string_view to_word(SourceState state) noexcept;

// What a running source tells about itself. Any thread.
class SourceReport {
 public:
  // Of a source that counts what it need not store, both since ever.
  struct Counts {
    std::uint64_t folded = 0;   // records that only repeat one that is stored
    std::uint64_t ignored = 0;  // records that were not to be recorded
  };
  struct Snapshot {
    SourceState state = SourceState::kStarting;
    std::string last_error;              // the last thing that went wrong; empty: nothing
    std::optional<std::int64_t> lag_ms;  // age of what it has not delivered; none when unknown
    std::optional<Counts> counts;        // none: every record is stored, lost or damaged
  };

  void set_state(SourceState state) {
    std::lock_guard lock(mutex_);
    value_.state = state;
  }
  void set_error(std::string error) {
    std::lock_guard lock(mutex_);
    value_.last_error = std::move(error);
  }
  void set_lag_ms(std::optional<std::int64_t> lag) {
    std::lock_guard lock(mutex_);
    value_.lag_ms = lag;
  }
  void set_counts(Counts counts) {
    std::lock_guard lock(mutex_);
    value_.counts = counts;
  }
  Snapshot snapshot() const {
    std::lock_guard lock(mutex_);
    return value_;
  }

 private:
  mutable std::mutex mutex_;
  Snapshot value_;  // guarded by mutex_
};

class EventSource {
 public:
  virtual ~EventSource() = default;

  // "evtx:Security.evtx", "dir:/var/log/events", ...: names it in answers and in the store.
  virtual const std::string& name() const = 0;

  // Whether another run can deliver again what was delivered, and what came while none ran (a log
  // can, a pipe cannot).
  virtual bool rereads() const { return true; }

  // Delivers until there is no more (an ended stream: returns), stop is requested (returns within
  // a second) or it fails; then the monitor starts it again later. Batches carry the position from
  // which a later run goes on, so nothing is delivered twice that was committed with one.
  virtual Result<void> run(const PositionFn& position_of, const BatchFn& emit, SourceReport& report,
                           std::stop_token stop) = 0;
  // Between runs: the store has lost what it had, nothing counts as delivered.
  virtual void forget() {}
};

}  // namespace blockwatch
