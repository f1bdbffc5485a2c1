#pragma once
// The insides of Store and StoreReader, shared by the .cpp files that implement them.

#include <chrono>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <string>

#include "storage/dictionary_internal.h"
#include "storage/event_store.h"
#include "storage/interner_internal.h"
#include "storage/rollups_internal.h"
#include "storage/sql_filter.h"
#include "storage/sqlite_internal.h"
#include "storage/store_lock.h"
#include "storage/tick_index_internal.h"

namespace blockwatch {

// The one row of the table `state`.
struct StoreState {
  std::uint64_t newest_seq = 0;
  std::uint64_t deleted_through = 0;
  std::int64_t max_borrow = 0;
  std::uint64_t rows = 0;
};
StoreState read_state(SqlConnection& connection);
void write_state(SqlConnection& connection, const StoreState& state);

// Counts one row in or out (n = 1 or -1).
struct RowNumbers {
  std::uint32_t shape = 0;
  std::uint32_t application = 0;
  std::optional<std::int64_t> process_id;
  std::optional<std::int64_t> filter_id;
  std::int64_t hour = 0;
};
void count_row(RollupDelta& delta, const RowNumbers& row, std::int64_t n);

struct HourSpan;

class Store::Impl {
 public:
  Impl(StoreLock lock, const std::string& path, SqlConnection::Mode mode);

  SqlConnection& connection() { return connection_; }
  std::vector<AppendResult> append(std::span<const EventBatch> batches);
  std::uint64_t delete_oldest(std::uint64_t max_rows, Timestamp horizon);
  // What is known of the file may be wrong: read it again before the next append.
  void forget();

 private:
  AppendResult append_one(const EventBatch& batch, Timestamp received, StoreState& state,
                          RollupDelta& delta);
  void update_source(const EventBatch& batch, const AppendResult& result, Timestamp received);

  StoreLock lock_;
  SqlConnection connection_;
  std::unique_ptr<Interner> interner_;
  std::unique_ptr<TickIndex> ticks_;
  std::string raw_row_;  // scratch
};

class StoreReader::Impl {
 public:
  explicit Impl(std::string path);

  // One question: deadline, one state of the store, exceptions to values.
  template <class Answer>
  Result<Answer> ask(std::string_view doing, const std::function<Result<Answer>()>& question) {
    try {
      begin();
      SqlTransaction transaction(connection_, SqlTransaction::Kind::kRead);
      state_ = read_state(connection_);
      dictionary_.refresh();
      Result<Answer> answer = question();
      transaction.commit();
      end();
      return answer;
    } catch (const SQLite::Exception& e) {
      end();
      return tl::unexpected<Error>(failure(e, doing));
    } catch (const std::bad_alloc&) {
      end();
      return make_error(ErrorCode::kUnavailable, "not enough memory to " + std::string(doing));
    }
  }

  Page page(const PageQuery& query);
  std::vector<std::string> explain(const PageQuery& query);
  Tail tail(const TailQuery& query);
  Result<EventList> event(std::uint64_t seq);
  Top top(const TopQuery& query);
  Result<Timeline> timeline(const TimelineQuery& query);
  Result<std::vector<ValueCount>> field_values(const std::string& field, const std::string& prefix,
                                               std::uint32_t limit);
  // Of one indexed column, or of two together.
  std::vector<ValueCount> column_values(const char* column, const char* other,
                                        const std::string& prefix, std::uint32_t limit);
  std::vector<SourceRecord> sources();
  std::string position(const std::string& source);
  StoreStatus status();

  std::uint32_t deadline_ms = kDefaultDeadlineMs;
  const std::atomic<bool>* stop = nullptr;

 private:
  void begin();
  void end();
  Error failure(const SQLite::Exception& e, std::string_view doing) const;
  // Compiles the filter and makes its sets those of the SQL functions.
  void use_filter(const Filter& filter);
  // Binds the filter's values from `index` on; returns the next index.
  int bind_filter(SqlStatement& statement, int index) const;
  // A page's rows in the order asked for; see page_query.cpp.
  struct PageRows;
  // Leaves `filter` in use.
  std::uint64_t count(const Filter& filter, std::uint64_t snapshot_seq);
  std::uint64_t count_rows(std::uint64_t snapshot_seq);
  // Of the filter in use, all whole hours of the span.
  using HourShapeVisitor =
      std::function<void(std::int64_t hour, std::uint32_t shape, std::uint64_t n)>;
  void for_each_hour_shape(const HourSpan& span, const HourShapeVisitor& visit);

  std::string path_;
  SqlConnection connection_;
  Dictionary dictionary_;
  StoreState state_;  // of the question
  SqlFilter filter_;  // of the question
  // What filter_ was made from: the next page of the same question needs no new one.
  Filter compiled_from_;
  std::size_t compiled_shapes_ = 0;
  std::size_t compiled_applications_ = 0;
  std::int64_t compiled_borrow_ = 0;
};

}  // namespace blockwatch
