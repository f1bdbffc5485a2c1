#include "storage/event_store.h"

#include <algorithm>

#include "storage/alongside.h"
#include "storage/row_internal.h"
#include "storage/settings_internal.h"
#include "storage/store_internal.h"
#include "storage/words.h"

namespace blockwatch {
namespace {

// About 80 MiB of log between checkpoints, each of which waits for the disk.
constexpr int kCheckpointPages = 20'000;
constexpr int kCacheKib = 16 * 1024;
// Who writes tries again, and must be able to stop in time.
constexpr int kBusyTimeoutMs = 1'000;

IndexRow index_row_of(const Event& event, const Interner::Numbers& numbers, std::uint64_t seq) {
  IndexRow row;
  row.seq = seq;
  row.time = event.time.ticks;
  auto set = [&](IndexField field, const auto& value) {
    if (value) row.set(field, static_cast<std::int64_t>(*value));
  };
  row.set(IndexField::kShape, numbers.shape);
  row.set(IndexField::kApplication, numbers.application);
  set(IndexField::kRecordId, event.record_id);
  set(IndexField::kProcessId, event.process_id);
  set(IndexField::kLocalPort, event.local_port);
  set(IndexField::kRemotePort, event.remote_port);
  set(IndexField::kFilterId, event.filter_id);
  if (event.local_address) row.set_local(*event.local_address);
  if (event.remote_address) row.set_remote(*event.remote_address);
  return row;
}

}  // namespace

StoreState read_state(SqlConnection& connection) {
  auto row = connection.use("SELECT newest_seq, deleted_through, run_change, rows FROM state");
  if (!row->step()) throw SQLite::Exception("the table state is empty", SQLITE_CORRUPT);
  if (row->integer(1) < 0 || row->integer(1) > row->integer(0)) {
    throw SQLite::Exception("the table state tells of rows that cannot be", SQLITE_CORRUPT);
  }
  return {static_cast<std::uint64_t>(row->integer(0)), static_cast<std::uint64_t>(row->integer(1)),
          row->integer(2), static_cast<std::uint64_t>(row->integer(3))};
}

void write_state(SqlConnection& connection, const StoreState& state) {
  auto row = connection.use(
      "UPDATE state SET newest_seq = ?, deleted_through = ?, run_change = ?, rows = ?");
  row->bind(1, static_cast<std::int64_t>(state.newest_seq));
  row->bind(2, static_cast<std::int64_t>(state.deleted_through));
  row->bind(3, state.run_change);
  row->bind(4, static_cast<std::int64_t>(state.rows));
  row->run();
}

Store::Impl::Impl(const StoreOptions& options)
    : connection_(options.path,
                  options.create ? SqlConnection::Mode::kCreate : SqlConnection::Mode::kReadWrite),
      run_rows_(std::max(options.run_rows, 1U)),
      runs_(connection_),
      run_writer_(connection_, run_rows_),
      inserter_(connection_) {
  // Of a new file; where it is so already, this would write.
  if (connection_.query_integer("PRAGMA auto_vacuum") == 0) {
    connection_.execute("PRAGMA auto_vacuum = INCREMENTAL");
  }
  connection_.execute("PRAGMA busy_timeout = " + std::to_string(kBusyTimeoutMs));
  connection_.execute("PRAGMA cache_size = -" + std::to_string(kCacheKib));
  connection_.execute("PRAGMA journal_mode = WAL");
  connection_.execute("PRAGMA synchronous = NORMAL");
  connection_.execute("PRAGMA wal_autocheckpoint = " + std::to_string(kCheckpointPages));
  connection_.execute("PRAGMA journal_size_limit = 100000000");
  connection_.execute("PRAGMA temp_store = MEMORY");
}

void Store::Impl::begin_after(std::uint64_t seq) {
  SqlTransaction transaction(connection_, SqlTransaction::Kind::kWrite);
  StoreState state = read_state(connection_);
  if (state.newest_seq != 0) return;
  state.newest_seq = state.deleted_through = seq;
  write_state(connection_, state);
  transaction.commit();
}

void Store::Impl::forget() {
  ticks_.reset();
  interner_.reset();
  pending_.clear();
  runs_.forget();
}

void Store::Impl::learn(const StoreState& state) {
  runs_.refresh(state.run_change, state.newest_seq);
  if (!interner_) interner_ = std::make_unique<Interner>(connection_);
  if (ticks_) return;
  pending_.clear();
  auto rows = connection_.use(std::string("SELECT ") + kRowColumns +
                              " FROM event e WHERE e.seq > ? ORDER BY e.seq");
  rows->bind(1, static_cast<std::int64_t>(runs_.indexed_seq()));
  while (rows->step()) pending_.push_back(index_row_at(*rows));
  ticks_ = std::make_unique<TickIndex>(connection_, *interner_, runs_, pending_);
}

bool Store::Impl::checkpoint() {
  sqlite3* db = connection_.handle();
  int pages = 0;
  int moved = 0;
  int code = sqlite3_wal_checkpoint_v2(db, nullptr, SQLITE_CHECKPOINT_PASSIVE, &pages, &moved);
  if (code != SQLITE_OK) throw SQLite::Exception(db, code);
  return moved == pages;
}

std::vector<AppendResult> Store::Impl::append(std::span<const EventBatch> batches) {
  SqlTransaction transaction(connection_, SqlTransaction::Kind::kWrite);
  StoreState state = read_state(connection_);
  learn(state);
  Timestamp received = now();
  std::uint64_t first_seq = state.newest_seq + 1;
  Appended appended;
  const std::size_t before = pending_.size();
  std::vector<AppendResult> results;
  for (const EventBatch& batch : batches) {
    results.push_back(append_one(batch, received, state, appended));
  }
  if (state.newest_seq >= first_seq) {
    // The lists of a run need no SQLite: they are made while the rows go into the table.
    std::optional<RunLists> lists;
    std::optional<Alongside> making_lists;
    if (pending_.size() >= run_rows_) making_lists.emplace([&] { lists.emplace(pending_); });
    inserter_.insert(std::span(pending_).subspan(before), appended.raw);
    auto insert = connection_.use("INSERT INTO batch(first_seq, received_time) VALUES(?, ?)");
    insert->bind(1, static_cast<std::int64_t>(first_seq));
    insert->bind(2, received.ticks);
    insert->run();
    appended.delta.flush(connection_);
    if (making_lists) {
      making_lists->finish();
      index_pending(state, *lists);
    }
    write_state(connection_, state);
  }
  transaction.commit();
  for (AppendResult& result : results) result.newest_seq = state.newest_seq;
  return results;
}

AppendResult Store::Impl::append_one(const EventBatch& batch, Timestamp received, StoreState& state,
                                     Appended& appended) {
  AppendResult result;
  write_coverage(connection_, batch, state.newest_seq + 1);
  for (const Event& event : batch.list.events) {
    if (!is_plausible(event.time) || !is_event_id(event.event_id)) {
      ++result.refused;
      continue;
    }
    Interner::Numbers numbers = interner_->numbers_of(event, raw_row_);
    if (!ticks_->add(event, numbers.identity_class)) {
      ++result.duplicate;
      continue;
    }
    pending_.push_back(index_row_of(event, numbers, ++state.newest_seq));
    appended.raw.push_back(appended.raw_bytes.copy(raw_row_));
    appended.delta.add(numbers.shape, event.time.ticks / kTicksPerHour, 1);
    ++result.stored;
  }
  state.rows += result.stored;
  update_source(batch, result, received);
  return result;
}

void Store::Impl::index_pending(StoreState& state, RunLists& lists) {
  run_writer_.add(lists);
  pending_.clear();
  runs_.refresh(++state.run_change, state.newest_seq);
  if (run_writer_.merge(runs_.runs())) runs_.refresh(++state.run_change, state.newest_seq);
  ticks_->indexed();
}

void Store::Impl::update_source(const EventBatch& batch, const AppendResult& result,
                                Timestamp received) {
  if (batch.source.empty()) return;
  auto upsert = connection_.use(
      "INSERT INTO source(name, position, stored, lost, damaged, last_event_time, updated) "
      "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT(name) DO UPDATE SET "
      "position = CASE WHEN ?2 = '' THEN position ELSE ?2 END, stored = stored + ?3, "
      "lost = lost + ?4, damaged = damaged + ?5, "
      "last_event_time = max(ifnull(last_event_time, ?6), ifnull(?6, last_event_time)), "
      "updated = ?7");
  upsert->bind_text(1, batch.source);
  upsert->bind_text(2, batch.position);
  upsert->bind(3, static_cast<std::int64_t>(result.stored));
  upsert->bind(4, static_cast<std::int64_t>(batch.lost));
  upsert->bind(5, static_cast<std::int64_t>(batch.damaged + result.refused));
  std::int64_t newest = -1;
  for (const Event& event : batch.list.events) {
    if (is_plausible(event.time)) newest = std::max(newest, event.time.ticks);
  }
  if (newest < 0) {
    upsert->bind_null(6);
  } else {
    upsert->bind(6, newest);
  }
  upsert->bind(7, received.ticks);
  upsert->run();
}

Store::Store(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Store::~Store() = default;

Result<AppendResult> Store::append(const EventBatch& batch) {
  auto results = append(std::span<const EventBatch>(&batch, 1));
  if (!results) return tl::unexpected<Error>(results.error());
  return results->front();
}

Result<std::vector<AppendResult>> Store::append(std::span<const EventBatch> batches) {
  try {
    return impl_->append(batches);
  } catch (const SQLite::Exception& e) {
    impl_->forget();
    return tl::unexpected<Error>(to_error(e, "write to the store"));
  } catch (...) {
    impl_->forget();
    throw;
  }
}

Result<std::uint64_t> Store::delete_oldest(std::uint64_t max_rows, Timestamp horizon) {
  try {
    return impl_->delete_oldest(max_rows, horizon);
  } catch (const SQLite::Exception& e) {
    impl_->forget();
    return tl::unexpected<Error>(to_error(e, "delete old events"));
  } catch (...) {
    impl_->forget();
    throw;
  }
}

Result<bool> Store::clean_up(bool shrink) {
  try {
    return impl_->clean_up(shrink);
  } catch (const SQLite::Exception& e) {
    return tl::unexpected<Error>(to_error(e, "clean up the store"));
  }
}

Result<StoredSettings> Store::settings() {
  try {
    return read_settings(impl_->connection());
  } catch (const SQLite::Exception& e) {
    return tl::unexpected<Error>(to_error(e, "read the settings"));
  }
}

Result<void> Store::save(const StoredSettings& settings) {
  try {
    write_settings(impl_->connection(), settings);
    return {};
  } catch (const SQLite::Exception& e) {
    return tl::unexpected<Error>(to_error(e, "write the settings"));
  }
}

Result<std::uint64_t> Store::used_bytes() {
  try {
    SqlConnection& connection = impl_->connection();
    auto pages = connection.query_integer("PRAGMA page_count") -
                 connection.query_integer("PRAGMA freelist_count");
    return static_cast<std::uint64_t>(pages * connection.query_integer("PRAGMA page_size"));
  } catch (const SQLite::Exception& e) {
    return tl::unexpected<Error>(to_error(e, "measure the store"));
  }
}

Result<std::uint64_t> Store::newest_seq() {
  try {
    return read_state(impl_->connection()).newest_seq;
  } catch (const SQLite::Exception& e) {
    return tl::unexpected<Error>(to_error(e, "read the store"));
  }
}

Result<std::optional<RetentionTime>> Store::retention_time() {
  try {
    if (auto kept = read_retention_time(impl_->connection())) return kept;
    auto row =
        impl_->connection().use("SELECT received_time FROM batch ORDER BY first_seq DESC LIMIT 1");
    if (!row->step()) return std::nullopt;
    return RetentionTime{Timestamp{row->integer(0)}, {}, 0};
  } catch (const SQLite::Exception& e) {
    return tl::unexpected<Error>(to_error(e, "read the store"));
  }
}

Result<void> Store::save(const RetentionTime& time) {
  try {
    write_retention_time(impl_->connection(), time);
    return {};
  } catch (const SQLite::Exception& e) {
    return tl::unexpected<Error>(to_error(e, "keep the time"));
  }
}

const std::string& Store::set_aside() const { return impl_->set_aside; }

Result<void> Store::limit_pages(std::uint32_t pages) {
  try {
    impl_->connection().execute("PRAGMA max_page_count = " + std::to_string(pages));
    return {};
  } catch (const SQLite::Exception& e) {
    return tl::unexpected<Error>(to_error(e, "limit the store"));
  }
}

Result<void> Store::checkpoint() {
  try {
    impl_->checkpoint();
    return {};
  } catch (const SQLite::Exception& e) {
    return tl::unexpected<Error>(to_error(e, "checkpoint the store"));
  }
}

}  // namespace blockwatch
