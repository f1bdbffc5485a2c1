#pragma once
// The insides of Store and StoreReader, shared by the .cpp files that implement them.

#include <chrono>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <string>

#include "storage/coverage_internal.h"
#include "storage/dictionary_internal.h"
#include "storage/event_store.h"
#include "storage/index_filter.h"
#include "storage/interner_internal.h"
#include "storage/received_times_internal.h"
#include "storage/rollups_internal.h"
#include "storage/row_finder_internal.h"
#include "storage/row_inserter_internal.h"
#include "storage/run_filter_internal.h"
#include "storage/run_index_internal.h"
#include "storage/run_writer_internal.h"
#include "storage/sqlite_internal.h"
#include "storage/store_lock.h"
#include "storage/tick_index_internal.h"

namespace blockwatch {

// The one row of the table `state`.
struct StoreState {
  std::uint64_t newest_seq = 0;
  std::uint64_t deleted_through = 0;
  std::int64_t run_change = 0;  // rises whenever runs are made, merged or removed
  std::uint64_t rows = 0;
};
StoreState read_state(SqlConnection& connection);
void write_state(SqlConnection& connection, const StoreState& state);

struct HourSpan;
struct ValueCounts;
struct BucketCounts;

class Store::Impl {
 public:
  explicit Impl(const StoreOptions& options);

  void keep(StoreLock lock) { lock_.emplace(std::move(lock)); }
  // Of a new file: its rows come after this one. Nothing if they do already.
  void begin_after(std::uint64_t seq);
  std::string set_aside;  // Store::set_aside()

  SqlConnection& connection() { return connection_; }
  std::vector<AppendResult> append(std::span<const EventBatch> batches);
  std::uint64_t delete_oldest(std::uint64_t max_rows, Timestamp horizon);
  bool clean_up(bool shrink_too);
  // False: a reader keeps some of the log from being moved.
  bool checkpoint();
  // What is known of the file may be wrong: it is read again before it is used.
  void forget();

 private:
  // What an append has seen so far.
  struct Appended {
    RollupDelta delta;
    std::vector<std::string_view> raw;  // of each new row
    TextArena raw_bytes;
  };
  AppendResult append_one(const EventBatch& batch, Timestamp received, StoreState& state,
                          Appended& appended);
  bool shrink();
  void update_source(const EventBatch& batch, const AppendResult& result, Timestamp received);
  // Reads what append() needs to know of the file.
  void learn(const StoreState& state);
  // Makes a run of the pending rows, whose lists these are.
  void index_pending(StoreState& state, RunLists& lists);

  std::optional<StoreLock> lock_;
  SqlConnection connection_;
  const std::uint32_t run_rows_;
  RunIndex runs_;
  RunWriter run_writer_;
  RowInserter inserter_;
  std::unique_ptr<Interner> interner_;
  std::unique_ptr<TickIndex> ticks_;
  std::vector<IndexRow> pending_;  // the rows that no run has, by seq
  bool shrunk_ = false;            // since the last checkpoint
  std::string raw_row_;            // scratch
};

class StoreReader::Impl {
 public:
  Impl(std::string path, std::shared_ptr<AnswerMemo> memo, SqlConnection::Mode mode);

  // When a reader finds a new commit, SQLite unmaps the file, which takes 1.5 us for each place
  // that was read. A question that read so many rows and blocks does it itself; the next one may be
  // small. The next page, though, often needs the same places.
  static constexpr std::uint64_t kReadsToUnmap = 256;
  static constexpr std::uint64_t kReadsOfPageToUnmap = 2048;

  // One question: deadline, one state of the store, exceptions to values.
  template <class Answer>
  Result<Answer> ask(std::string_view doing, const std::function<Result<Answer>()>& question,
                     std::uint64_t reads_to_unmap = kReadsToUnmap) {
    try {
      begin();
      SqlTransaction transaction(connection_, SqlTransaction::Kind::kRead);
      state_ = read_state(connection_);
      dictionary_.refresh();
      runs_.refresh(state_.run_change, state_.newest_seq);
      refresh_tail();
      Result<Answer> answer = question();
      transaction.commit();
      end(reads_to_unmap);
      return answer;
    } catch (const SQLite::Exception& e) {
      end(reads_to_unmap);
      return tl::unexpected<Error>(failure(e, doing));
    } catch (const std::bad_alloc&) {
      end(reads_to_unmap);
      return make_error(ErrorCode::kUnavailable, "not enough memory to " + std::string(doing));
    }
  }

  Page page(const PageQuery& query);
  Tail tail(const TailQuery& query);
  Result<EventList> event(std::uint64_t seq);
  Top top(const TopQuery& query);
  Result<Timeline> timeline(const TimelineQuery& query);
  Result<std::vector<ValueCount>> field_values(const std::string& field, const std::string& prefix,
                                               std::uint32_t limit);
  std::vector<SourceRecord> sources();
  Coverage coverage(const CoverageQuery& query) { return read_coverage(connection_, query); }
  std::string position(const std::string& source);
  StoreStatus status();

  Cost last_cost() const { return {rows_read_, runs_.blocks_read()}; }

  std::uint32_t deadline_ms = kDefaultDeadlineMs;
  std::size_t most_values = kMostValues;
  const std::atomic<bool>* stop = nullptr;

 private:
  void begin();
  void end(std::uint64_t reads_to_unmap);
  Error failure(const SQLite::Exception& e, std::string_view doing) const;
  // Compiles the filter, unless it is the one in use.
  const IndexFilter& use_filter(const Filter& filter);
  // The rows that no run has, by time.
  void refresh_tail();
  SeqBounds seq_bounds(std::uint64_t snapshot_seq) const;
  SeqBounds all_seqs() const;
  // What is known from earlier of a question, and the rows since then counted in.
  template <class Table, class Count>
  auto up_to_date(Table& known, const Filter& filter, std::int64_t what, const Count& count);
  void count_runs(const Filter& asked, SeqBounds seqs, const std::vector<IndexField>& lists,
                  ValueCounts& counts);
  void count_buckets(const Filter& asked, SeqBounds seqs, const TimelineQuery& query,
                     BucketCounts& counts);
  class PageRows;
  // Calls one visitor for every run that may hold matches, the other for each match in no run.
  void for_each_match(const IndexFilter& filter, SeqBounds seqs,
                      const std::function<void(const Run&, RunFilter&)>& run_visit,
                      const std::function<void(const IndexRow&)>& row_visit);
  void rows_of(const Run& run, const PositionSet& positions,
               const std::function<void(std::uint32_t, const IndexRow&)>& visit);
  // All of the run that match.
  PositionSet matches_of(const Run& run, RunFilter& filter);
  std::uint64_t count_rows(const Filter& asked, std::uint64_t snapshot_seq);
  std::uint64_t count(const Filter& filter, std::uint64_t snapshot_seq);
  // Calls visit(value, count) for every value in the lists; a value may come several times.
  template <class Visit>
  void count_values(const std::vector<IndexField>& lists, const Visit& visit);
  std::vector<ValueCount> list_values(const std::vector<IndexField>& lists,
                                      const std::string& prefix, std::uint32_t limit);
  using HourShapeVisitor =
      std::function<void(std::int64_t hour, std::uint32_t shape, std::uint64_t n)>;
  // The hourly counts answer a question about these rows, but for parts of hours; its filter is in
  // use then.
  bool hours_tell(const Filter& filter, SeqBounds seqs);
  // Of the filter in use, all whole hours of the span.
  void for_each_hour_shape(const HourSpan& span, const HourShapeVisitor& visit);

  std::shared_ptr<AnswerMemo> memo_;
  std::string path_;
  SqlConnection connection_;
  Dictionary dictionary_;
  StoreState state_;  // of the question
  RunIndex runs_;
  RowFinder finder_;
  ReceivedTimes received_;
  std::vector<IndexRow> tail_;
  std::uint64_t tail_newest_ = 0;   // every row up to here that no run has is in tail_
  std::uint64_t tail_indexed_ = 0;  // runs_.indexed_seq() when tail_ was read
  std::uint64_t rows_read_ = 0;     // of the question
  IndexFilter filter_;              // of the question
  // What filter_ was made from: the next page of the same question needs no new one.
  Filter compiled_from_;
  std::size_t compiled_shapes_ = 0;
  std::size_t compiled_applications_ = 0;
};

}  // namespace blockwatch
