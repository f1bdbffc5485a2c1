#pragma once
// The SQLite store: one read-write Store (the writer's) and any number of StoreReaders.
// SQLiteCpp stays behind this header.

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "storage/event.h"
#include "storage/query.h"
#include "storage/result.h"
#include "storage/retention_clock.h"
#include "storage/settings.h"

namespace blockwatch {

struct AppendResult {
  std::uint64_t stored = 0;
  std::uint64_t duplicate = 0;   // already in the store, by identity; nothing was added for them
  std::uint64_t refused = 0;     // not stored: implausible time or unknown event id; counted as
                                 // damaged at the source
  std::uint64_t newest_seq = 0;  // after the commit
};

// What the store remembers of a source.
struct SourceRecord {
  std::string name;
  std::string position;       // as the source last committed it; opaque
  std::uint64_t stored = 0;   // rows it has added, ever
  std::uint64_t lost = 0;     // records it could not deliver, ever
  std::uint64_t damaged = 0;  // records it had to skip, ever
  std::optional<Timestamp> last_event_time;
  std::optional<Timestamp> updated;  // last commit
};

struct StoreStatus {
  std::uint64_t rows = 0;
  std::uint64_t newest_seq = 0;
  std::uint64_t oldest_seq = 0;  // 0 when empty
  std::optional<Timestamp> oldest_time;
  std::optional<Timestamp> newest_time;
  std::uint64_t file_bytes = 0;  // database and write-ahead log
  int schema_version = 0;
  std::optional<CoverageFact> set_aside;  // what became of the last damaged store
};

struct StoreOptions {
  std::string path;
  // Held as long as the Store lives, so that no second process writes: another Store on the same
  // path fails with kConflict. (SQLite before 3.51.3 can damage a WAL that two connections
  // checkpoint; with one writer and readers that never write it cannot.)
  bool create = true;
  // So many new rows are indexed together. Readers look at fewer one by one; tests use few.
  std::uint32_t run_rows = 1024;
  // A damaged file gets another name (set_aside.h) and a new one is begun: its seqs are above those
  // of the old one, and a fact tells what is missing.
  bool set_aside_damaged = false;
  // Why the file is known to be damaged although it may open; empty: it is not.
  std::string damage;
};

// The one connection that writes and checkpoints. One thread at a time (the writer's).
class Store {
 public:
  // Creates or migrates the file. kConflict: in use by another process; kIo, kCorrupt,
  // kPermission with the reason; kUnsupported: written by a newer version.
  static Result<std::unique_ptr<Store>> open(const StoreOptions& options);
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  // One transaction: the events in order (seq rises), the source's position and counters. All or
  // nothing: on an error nothing of the batch is stored and it may be given again.
  //
  // Identity is (host, channel, record_id, time, event_id), host and channel without case. An event
  // without a record_id is compared by all its fields and raw values instead.
  Result<AppendResult> append(const EventBatch& batch);
  // Several batches in one transaction, a result for each.
  Result<std::vector<AppendResult>> append(std::span<const EventBatch> batches);

  // Deletes at most max_rows of the oldest rows (lowest seq) that were received before `horizon`.
  // Returns how many went. Readers see a gap up to the highest deleted seq.
  Result<std::uint64_t> delete_oldest(std::uint64_t max_rows, Timestamp horizon);

  // What deletions leave, in small slices: lists of the index, too many facts of coverage and, if
  // `shrink`, free pages, while they are more than a tenth of the file; fewer are used again.
  // (Files made before pages could be given back keep them until a copy takes their place:
  // backup.h.) False: nothing was left to do.
  Result<bool> clean_up(bool shrink);

  // Bytes of the file that hold something.
  Result<std::uint64_t> used_bytes();

  Result<StoredSettings> settings();
  Result<void> save(const StoredSettings& settings);
  Result<std::uint64_t> newest_seq();
  // As it was last saved, else when the newest event was received; none: nothing is stored.
  Result<std::optional<RetentionTime>> retention_time();
  Result<void> save(const RetentionTime& time);

  // The file that open() set aside; empty: none.
  const std::string& set_aside() const;

  // The file grows to no more pages of 4 KiB; beyond, append() fails with kUnavailable as on a full
  // disk.
  Result<void> limit_pages(std::uint32_t pages);

  // Moves the write-ahead log into the database as far as readers allow, without waiting.
  Result<void> checkpoint();

 private:
  class Impl;
  explicit Store(std::unique_ptr<Impl> impl);
  // With the lock held.
  static Result<std::unique_ptr<Store>> open_file(const StoreOptions& options);
  static Result<std::unique_ptr<Store>> begin_anew(const StoreOptions& options,
                                                   const std::string& plan);
  std::unique_ptr<Impl> impl_;
};

// What readers of one store share to answer repeated questions sooner. Any thread.
class AnswerMemo;
std::shared_ptr<AnswerMemo> make_answer_memo();

// A read-only connection (query_only). One thread at a time; create one per worker. Every question
// sees one state of the store. A question that runs longer than `deadline_ms` fails with
// kUnavailable and leaves the connection usable.
class StoreReader {
 public:
  // Readers of one store may share a memo; null: one of its own.
  static Result<std::unique_ptr<StoreReader>> open(const std::string& path,
                                                   std::shared_ptr<AnswerMemo> memo = nullptr);
  ~StoreReader();
  StoreReader(const StoreReader&) = delete;
  StoreReader& operator=(const StoreReader&) = delete;

  // 0: none. Applies to the questions that follow.
  void set_deadline_ms(std::uint32_t deadline_ms);
  static constexpr std::uint32_t kDefaultDeadlineMs = 5000;

  // How many values top() keeps at once, at least 1; when there are more, it looks at the events
  // several times. These take about 100 MB.
  void set_most_values(std::size_t values);
  static constexpr std::size_t kMostValues = 2'000'000;

  // Questions under way when the flag becomes true, and long ones that follow, end with
  // kUnavailable. The flag must outlive the reader or the next call; null: none.
  void set_stop_flag(const std::atomic<bool>* flag);

  Result<Page> page(const PageQuery& query);
  // How much the last question read. For tests and measurements.
  struct Cost {
    std::uint64_t rows = 0;    // of the table
    std::uint64_t blocks = 0;  // of the index
  };
  Cost last_cost() const;

  Result<Tail> tail(const TailQuery& query);

  // kNotFound: never existed; kGone: deleted by retention. Always with raw.
  Result<EventList> event(std::uint64_t seq);

  Result<Top> top(const TopQuery& query);
  Result<Timeline> timeline(const TimelineQuery& query);

  // Known values of a filter field (its parameter name), by prefix without case, in order; at most
  // `limit`. kNotFound: there is no such field.
  Result<std::vector<ValueCount>> field_values(const std::string& field, const std::string& prefix,
                                               std::uint32_t limit);

  Result<std::vector<SourceRecord>> sources();
  Result<Coverage> coverage(const CoverageQuery& query);
  Result<std::string> position(const std::string& source);  // empty when unknown
  Result<StoreStatus> status();

 private:
  class Impl;
  explicit StoreReader(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace blockwatch
