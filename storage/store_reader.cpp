#include <algorithm>
#include <array>
#include <filesystem>

#include "storage/answer_memo_internal.h"
#include "storage/file_path.h"
#include "storage/row_internal.h"
#include "storage/schema.h"
#include "storage/store_internal.h"
#include "storage/words.h"

namespace blockwatch {
namespace {

// The most SQLite maps; it costs address space only, and spares a system call per page read.
constexpr const char* kMapFile = "PRAGMA mmap_size = 2147418112";
constexpr const char* kUnmapFile = "PRAGMA mmap_size = 0";
// A tail looks at no more rows than this in one call, so that a filter that matches nothing costs
// many short questions instead of a long one.
constexpr std::uint64_t kTailWindow = 20'000;
// More rows than this without a run: the table of runs was emptied. What a reader keeps of them in
// memory is bounded by it.
constexpr std::uint64_t kMaxTailRows = std::uint64_t{1} << 20U;

}  // namespace

StoreReader::Impl::Impl(std::string path, std::shared_ptr<AnswerMemo> memo,
                        SqlConnection::Mode mode)
    : memo_(memo ? std::move(memo) : make_answer_memo()),
      path_(std::move(path)),
      connection_(path_, mode),
      dictionary_(connection_),
      runs_(connection_),
      finder_(connection_),
      received_(connection_) {
  connection_.execute("PRAGMA query_only = 1");
  connection_.execute("PRAGMA wal_autocheckpoint = 0");
  connection_.execute(kMapFile);
  connection_.execute("PRAGMA temp_store = MEMORY");
  if (auto ours = check_schema(connection_); !ours) {
    throw SQLite::Exception(ours.error().message, SQLITE_NOTADB);
  }
}

void StoreReader::Impl::begin() {
  rows_read_ = 0;
  runs_.forget_cost();
  SqlConnection::Limits limits;
  limits.stop = stop;
  if (deadline_ms != 0) {
    limits.deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(deadline_ms);
  }
  connection_.set_limits(limits);
}

void StoreReader::Impl::end(std::uint64_t reads_to_unmap) {
  connection_.set_limits({});
  if (rows_read_ + runs_.blocks_read() < reads_to_unmap) return;
  // Should this fail, the next questions are slower and nothing else.
  for (const char* sql : {kUnmapFile, kMapFile}) {
    sqlite3_exec(connection_.handle(), sql, nullptr, nullptr, nullptr);
  }
}

Error StoreReader::Impl::failure(const SQLite::Exception& e, std::string_view doing) const {
  if ((e.getErrorCode() & 0xff) == SQLITE_INTERRUPT) {
    if (stop != nullptr && stop->load(std::memory_order_relaxed)) {
      return {ErrorCode::kUnavailable, "the question was ended: the program is stopping"};
    }
    return {ErrorCode::kUnavailable, "the question took longer than " +
                                         std::to_string(deadline_ms) +
                                         " ms; ask for a shorter time or fewer events"};
  }
  return to_error(e, doing);
}

const IndexFilter& StoreReader::Impl::use_filter(const Filter& filter) {
  std::size_t shapes = dictionary_.shapes().size();
  std::size_t applications = dictionary_.applications().size();
  if (compiled_shapes_ == shapes && compiled_applications_ == applications &&
      compiled_from_ == filter) {
    return filter_;
  }
  compiled_shapes_ = 0;
  filter_ = compile_filter(filter, dictionary_, [this] { connection_.check_limits(); });
  compiled_from_ = filter;
  compiled_shapes_ = shapes;
  compiled_applications_ = applications;
  return filter_;
}

void StoreReader::Impl::refresh_tail() {
  std::uint64_t indexed = runs_.indexed_seq();
  if (indexed != tail_indexed_ || tail_newest_ > state_.newest_seq) {
    tail_.clear();
    tail_newest_ = tail_indexed_ = indexed;
  }
  if (tail_newest_ >= state_.newest_seq) return;
  if (state_.newest_seq - std::max(tail_newest_, state_.deleted_through) > kMaxTailRows) {
    throw_damaged_index();
  }
  auto rows = connection_.use(std::string("SELECT ") + kRowColumns +
                              " FROM event e WHERE e.seq > ? ORDER BY e.seq");
  rows->bind(1, static_cast<std::int64_t>(tail_newest_));
  while (rows->step()) {
    IndexRow row = index_row_at(*rows);
    // Mostly the newest one; else it is moved to its place.
    tail_.push_back(row);
    if (tail_.size() > 1 && comes_before(row, tail_[tail_.size() - 2])) {
      auto at = std::upper_bound(tail_.begin(), std::prev(tail_.end()), row, comes_before);
      std::rotate(at, std::prev(tail_.end()), tail_.end());
    }
    tail_newest_ = row.seq;
  }
  tail_newest_ = state_.newest_seq;
}

SeqBounds StoreReader::Impl::seq_bounds(std::uint64_t snapshot_seq) const {
  return {state_.deleted_through + 1, snapshot_seq};
}

SeqBounds StoreReader::Impl::all_seqs() const { return seq_bounds(state_.newest_seq); }

Tail StoreReader::Impl::tail(const TailQuery& query) {
  Tail tail;
  tail.newest_seq = state_.newest_seq;
  if (query.after < state_.deleted_through) tail.gap_through = state_.deleted_through;
  std::uint64_t after = std::max(query.after, tail.gap_through);
  tail.covered_seq = std::max(after, std::min(after + kTailWindow, state_.newest_seq));
  const IndexFilter& filter = use_filter(query.filter);
  if (after >= state_.newest_seq) return tail;
  if (filter.nothing) {
    tail.facts = coverage_between(connection_, after, tail.covered_seq);
    return tail;
  }
  RowReader reader(received_, dictionary_, tail.list, query.raw);
  auto rows = connection_.use(std::string("SELECT ") + kRowColumns + (query.raw ? ", e.raw" : "") +
                              " FROM event e WHERE e.seq > ? AND e.seq <= ? ORDER BY e.seq");
  rows->bind(1, static_cast<std::int64_t>(after));
  rows->bind(2, static_cast<std::int64_t>(tail.covered_seq));
  auto& events = tail.list.events;
  while (events.size() < query.limit && rows->step()) {
    ++rows_read_;
    if (filter.holds(index_row_at(*rows))) reader.add(*rows);
  }
  if (events.size() == query.limit) tail.covered_seq = events.back().seq;
  tail.facts = coverage_between(connection_, after, tail.covered_seq);
  return tail;
}

Result<EventList> StoreReader::Impl::event(std::uint64_t seq) {
  EventList list;
  RowReader reader(received_, dictionary_, list, true);
  auto row = connection_.use(std::string("SELECT ") + kRowColumns +
                             ", e.raw FROM event e WHERE e.seq = ?");
  row->bind(1, static_cast<std::int64_t>(seq));
  if (row->step()) {
    reader.add(*row);
    return list;
  }
  std::string name = "event " + std::to_string(seq);
  if (seq >= 1 && seq <= state_.deleted_through) {
    return make_error(ErrorCode::kGone, name + " was deleted by retention");
  }
  return make_error(ErrorCode::kNotFound, name + " does not exist");
}

std::vector<SourceRecord> StoreReader::Impl::sources() {
  std::vector<SourceRecord> sources;
  auto rows = connection_.use(
      "SELECT name, position, stored, lost, damaged, last_event_time, updated FROM source "
      "ORDER BY name");
  while (rows->step()) {
    SourceRecord source;
    source.name = rows->bytes(0);
    source.position = rows->bytes(1);
    source.stored = static_cast<std::uint64_t>(rows->integer(2));
    source.lost = static_cast<std::uint64_t>(rows->integer(3));
    source.damaged = static_cast<std::uint64_t>(rows->integer(4));
    if (!rows->is_null(5)) source.last_event_time = Timestamp{rows->integer(5)};
    source.updated = Timestamp{rows->integer(6)};
    sources.push_back(std::move(source));
  }
  return sources;
}

std::string StoreReader::Impl::position(const std::string& source) {
  auto row = connection_.use("SELECT position FROM source WHERE name = ?");
  row->bind_text(1, source);
  if (!row->step()) return {};
  return std::string(row->bytes(0));
}

StoreStatus StoreReader::Impl::status() {
  StoreStatus status;
  status.rows = state_.rows;
  status.newest_seq = state_.newest_seq;
  auto edge = [&](const char* sql) -> std::optional<std::int64_t> {
    auto row = connection_.use(sql);
    if (!row->step()) return std::nullopt;
    return row->integer(0);
  };
  if (auto seq = edge("SELECT seq FROM event ORDER BY seq LIMIT 1")) {
    status.oldest_seq = static_cast<std::uint64_t>(*seq);
  }
  for (Order order : {Order::kOldestFirst, Order::kNewestFirst}) {
    PageQuery first;
    first.order = order;
    first.limit = 1;
    for (const Event& event : page(first).list.events) {
      (order == Order::kOldestFirst ? status.oldest_time : status.newest_time) = event.time;
    }
  }
  for (const char* suffix : {"", "-wal"}) {
    std::error_code error;
    auto size = std::filesystem::file_size(to_path(path_ + suffix), error);
    if (!error) status.file_bytes += size;
  }
  status.set_aside = last_set_aside(connection_);
  status.schema_version = static_cast<int>(connection_.query_integer("PRAGMA user_version"));
  return status;
}

StoreReader::StoreReader(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
StoreReader::~StoreReader() = default;

std::shared_ptr<AnswerMemo> make_answer_memo() { return std::make_shared<AnswerMemo>(); }

Result<std::unique_ptr<StoreReader>> StoreReader::open(const std::string& path,
                                                       std::shared_ptr<AnswerMemo> memo) {
  const auto open_as = [&](SqlConnection::Mode mode) {
    return std::unique_ptr<StoreReader>(new StoreReader(std::make_unique<Impl>(path, memo, mode)));
  };
  try {
    try {
      return open_as(SqlConnection::Mode::kReadOnly);
    } catch (const SQLite::Exception& e) {
      // In a folder where nothing can be made SQLite misses the log's index. Without a log the file
      // is complete, and whoever could write to it would have one.
      std::error_code error;
      if ((e.getErrorCode() & 0xff) != SQLITE_CANTOPEN ||
          !std::filesystem::exists(to_path(path), error) ||
          std::filesystem::exists(to_path(path + "-wal"), error)) {
        throw;
      }
      return open_as(SqlConnection::Mode::kImmutable);
    }
  } catch (const SQLite::Exception& e) {
    return tl::unexpected<Error>(to_error(e, "open the store " + path + " for reading"));
  }
}

void StoreReader::set_deadline_ms(std::uint32_t deadline_ms) { impl_->deadline_ms = deadline_ms; }

void StoreReader::set_most_values(std::size_t values) { impl_->most_values = values; }

void StoreReader::set_stop_flag(const std::atomic<bool>* flag) { impl_->stop = flag; }

Result<Page> StoreReader::page(const PageQuery& query) {
  if (query.limit < 1 || query.limit > kMaxPageSize) {
    return make_error(ErrorCode::kInvalidArgument,
                      "limit must be 1 to " + std::to_string(kMaxPageSize));
  }
  return impl_->ask<Page>(
      "read a page", [&] { return Result<Page>(impl_->page(query)); }, Impl::kReadsOfPageToUnmap);
}

StoreReader::Cost StoreReader::last_cost() const { return impl_->last_cost(); }

Result<Tail> StoreReader::tail(const TailQuery& query) {
  if (query.limit < 1 || query.limit > kMaxPageSize) {
    return make_error(ErrorCode::kInvalidArgument,
                      "limit must be 1 to " + std::to_string(kMaxPageSize));
  }
  return impl_->ask<Tail>("read new events", [&] { return Result<Tail>(impl_->tail(query)); });
}

Result<EventList> StoreReader::event(std::uint64_t seq) {
  return impl_->ask<EventList>("read an event", [&] { return impl_->event(seq); });
}

Result<Top> StoreReader::top(const TopQuery& query) {
  if (query.limit < 1 || query.limit > kMaxPageSize) {
    return make_error(ErrorCode::kInvalidArgument,
                      "limit must be 1 to " + std::to_string(kMaxPageSize));
  }
  return impl_->ask<Top>("count values", [&] { return Result<Top>(impl_->top(query)); });
}

Result<Timeline> StoreReader::timeline(const TimelineQuery& query) {
  return impl_->ask<Timeline>("count by time", [&] { return impl_->timeline(query); });
}

Result<std::vector<ValueCount>> StoreReader::field_values(const std::string& field,
                                                          const std::string& prefix,
                                                          std::uint32_t limit) {
  using Values = std::vector<ValueCount>;
  return impl_->ask<Values>("list values",
                            [&] { return impl_->field_values(field, prefix, limit); });
}

Result<std::vector<SourceRecord>> StoreReader::sources() {
  using Sources = std::vector<SourceRecord>;
  return impl_->ask<Sources>("list sources", [&] { return Result<Sources>(impl_->sources()); });
}

Result<Coverage> StoreReader::coverage(const CoverageQuery& query) {
  return impl_->ask<Coverage>("read what is missing",
                              [&] { return Result<Coverage>(impl_->coverage(query)); });
}

Result<std::string> StoreReader::position(const std::string& source) {
  return impl_->ask<std::string>("read a position",
                                 [&] { return Result<std::string>(impl_->position(source)); });
}

Result<StoreStatus> StoreReader::status() {
  return impl_->ask<StoreStatus>("read the status",
                                 [&] { return Result<StoreStatus>(impl_->status()); });
}

}  // namespace blockwatch
