#pragma once
// The bounded queue in front of the store and the one thread that empties it.

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "storage/commit_signal.h"
#include "storage/event_store.h"

namespace blockwatch {

struct WriterCounters {
  std::uint64_t queued_batches = 0;
  std::uint64_t queued_events = 0;
  std::uint64_t stored = 0;     // since start
  std::uint64_t duplicate = 0;  // since start
  std::uint64_t failures = 0;   // commits that failed and were tried again
  std::string last_error;       // of a commit or of retention; empty once it has succeeded again
  std::int64_t stalled_ms = 0;  // how long the oldest failing batch has been waiting; 0: healthy
};

struct RetentionOptions {
  std::uint32_t days = 90;                           // by received time; 0: keep for ever
  std::uint64_t max_bytes = std::uint64_t{4} << 30;  // of the file; 0: no bound
};  // Applied in small slices: while idle, in turns with commits, and after a commit that failed.

// Owns the Store. push() from any thread; the store is touched by the writer's thread only.
class EventWriter {
 public:
  // Called on the writer's thread after the batch was committed.
  using Done = std::function<void(const AppendResult&)>;

  EventWriter(std::unique_ptr<Store> store, CommitSignal& signal, RetentionOptions retention);
  ~EventWriter();  // as stop()
  EventWriter(const EventWriter&) = delete;
  EventWriter& operator=(const EventWriter&) = delete;

  // Waits while the queue is full (kMaxQueuedEvents), until `stop`. False: the batch was not taken.
  // Where there is room it is taken after `stop` too: the last of a source that cannot go back.
  // A batch that was taken is committed, tried again as long as the store fails (disk full, locked)
  // until the program stops.
  bool push(EventBatch batch, Done done, const std::stop_token& stop);

  // Takes no more, commits what is queued (at most `drain_ms`), ends the thread. Idempotent.
  // False: some batches could not be committed in time; their positions were not committed either.
  bool stop(std::uint32_t drain_ms = 4000);

  WriterCounters counters() const;

  static constexpr std::uint64_t kMaxQueuedEvents = 32'768;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace blockwatch
