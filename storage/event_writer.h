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
  ErrorCode last_code{};        // of last_error
  std::int64_t stalled_ms = 0;  // how long the oldest failing batch has been waiting; 0: healthy
};

struct RetentionOptions {
  std::uint32_t days = 90;                           // by received time; 0: keep for ever
  std::uint64_t max_bytes = std::uint64_t{4} << 30;  // of the file; 0: no bound
};  // Applied in small slices: while idle, in turns with commits, and after a commit that failed.

// Where a writer gets its store from when it has none (any more), called on the writer's thread.
struct StoreSupply {
  // `damage`: what is wrong with the store it had, which is closed; empty: nothing is known to be.
  // Empty function: a store that fails is tried for ever.
  std::function<Result<std::unique_ptr<Store>>(const std::string& damage)> open;
  // What is in force once it is open; empty: what it was.
  std::function<RetentionOptions()> retention;
  // A damaged store was set aside and this one begun: sources may start again.
  std::function<void()> begun_anew;
};

// Owns the Store. push() from any thread; the store is touched by the writer's thread only.
class EventWriter {
 public:
  // Called on the writer's thread after the batch was committed.
  using Done = std::function<void(const AppendResult&)>;

  // Null: the supply is asked until it has one. A store that is found damaged is opened once more,
  // and if that does not help the supply is asked for another. What is queued goes there, without
  // the positions that sources took from the old one.
  EventWriter(std::unique_ptr<Store> store, CommitSignal& signal, RetentionOptions retention,
              StoreSupply supply = {});
  ~EventWriter();  // as stop()
  EventWriter(const EventWriter&) = delete;
  EventWriter& operator=(const EventWriter&) = delete;

  // Waits while the queue is full (kMaxQueuedEvents, kMaxQueuedBatches), until `stop`. False: the
  // batch was not taken. Where there is room it is taken after `stop` too: the last of a source
  // that cannot be read anew. A batch that was taken is committed, tried again as long as the store
  // fails (disk full, locked) until the program stops.
  bool push(EventBatch batch, Done done, const std::stop_token& stop);

  // Takes no more, commits what is queued (at most `drain_ms`), ends the thread. Idempotent.
  // False: some batches could not be committed in time; their positions were not committed either.
  bool stop(std::uint32_t drain_ms = 4000);

  // Keeps the settings in the store; once they are there, retention follows `retention`.
  // kUnavailable: not within a few seconds, as the store fails; they may come into force yet.
  Result<void> change_settings(const StoredSettings& settings, RetentionOptions retention);

  WriterCounters counters() const;

  // Rises when a new store is begun. A source's batches carry what it was before the source asked
  // for its position.
  std::uint64_t epoch() const;

  static constexpr std::uint64_t kMaxQueuedEvents = 32'768;
  static constexpr std::size_t kMaxQueuedBatches = 4'096;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace blockwatch
