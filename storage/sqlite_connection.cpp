#include <new>

#include "storage/sqlite_internal.h"

namespace blockwatch {

SqlStatement::SqlStatement(sqlite3* db, std::string_view sql) {
  int code = sqlite3_prepare_v3(db, sql.data(), static_cast<int>(sql.size()),
                                SQLITE_PREPARE_PERSISTENT, &statement_, nullptr);
  if (code != SQLITE_OK) throw SQLite::Exception(db, code);
}

void SqlStatement::check(int code) const {
  if (code == SQLITE_NOMEM) throw std::bad_alloc();
  if (code != SQLITE_OK) throw SQLite::Exception(sqlite3_db_handle(statement_), code);
}

void SqlStatement::bind_text(int index, std::string_view text) {
  const char* data = text.empty() ? "" : text.data();
  check(sqlite3_bind_text64(statement_, index, data, text.size(), SQLITE_STATIC, SQLITE_UTF8));
}

void SqlStatement::bind_blob(int index, std::string_view bytes) {
  const char* data = bytes.empty() ? "" : bytes.data();
  check(sqlite3_bind_blob64(statement_, index, data, bytes.size(), SQLITE_STATIC));
}

bool SqlStatement::step() {
  int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  if (code == SQLITE_NOMEM) throw std::bad_alloc();
  throw SQLite::Exception(sqlite3_db_handle(statement_), code);
}

std::string_view SqlStatement::bytes(int column) const {
  const void* data = sqlite3_column_blob(statement_, column);
  auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_, column));
  if (data == nullptr || size == 0) return {};
  return {static_cast<const char*>(data), size};
}

namespace {

int open_flags(SqlConnection::Mode mode) {
  // A reader is opened read-only, not only query_only: a read-write connection that closes last
  // would move the write-ahead log into the file, which only the writer may do.
  if (mode == SqlConnection::Mode::kReadOnly) return SQLite::OPEN_READONLY | SQLite::OPEN_NOMUTEX;
  if (mode == SqlConnection::Mode::kImmutable) {
    return SQLite::OPEN_READONLY | SQLite::OPEN_NOMUTEX | SQLite::OPEN_URI;
  }
  int flags = SQLite::OPEN_READWRITE | SQLite::OPEN_NOMUTEX;
  if (mode == SqlConnection::Mode::kCreate) flags |= SQLite::OPEN_CREATE;
  return flags;
}

// SQLite's count of its memory takes a lock with every allocation, and nobody reads it. Only the
// first call in a process can change that, before any connection.
void leave_out_statistics() {
  static const int kAnswer = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  static_cast<void>(kAnswer);
}

std::string name_of(const std::string& path, SqlConnection::Mode mode) {
  leave_out_statistics();
  if (mode != SqlConnection::Mode::kImmutable) return path;
  std::string uri = "file:";
  for (const char c : path) {
    switch (c) {
      case '%':
        uri += "%25";
        break;
      case '?':
        uri += "%3f";
        break;
      case '#':
        uri += "%23";
        break;
      default:
        uri += c;
    }
  }
  return uri + "?immutable=1";
}

}  // namespace

SqlConnection::SqlConnection(const std::string& path, Mode mode)
    : database_(name_of(path, mode), open_flags(mode), 5000) {
  sqlite3_extended_result_codes(database_.getHandle(), 1);
}

std::int64_t SqlConnection::query_integer(std::string_view sql) {
  SqlStatement statement(handle(), sql);
  return statement.step() ? statement.integer(0) : 0;
}

StatementUse SqlConnection::use(std::string_view sql) {
  auto found = cache_.find(sql);
  if (found == cache_.end()) found = cache_.emplace(sql, Statements()).first;
  Statements& same_text = found->second;
  for (auto& statement : same_text) {
    if (!statement->busy()) return StatementUse(*statement);
  }
  if (cached_ >= kMaxCached) {
    for (auto& [text, statements] : cache_) {
      cached_ -= std::erase_if(statements, [](const auto& s) { return !s->busy(); });
    }
    std::erase_if(cache_, [&](const auto& entry) {
      return entry.second.empty() && &entry.second != &same_text;
    });
  }
  same_text.push_back(std::make_unique<SqlStatement>(handle(), sql));
  ++cached_;
  return StatementUse(*same_text.back());
}

void SqlConnection::set_limits(const Limits& limits) {
  limits_ = limits;
  bool none = limits.deadline == std::chrono::steady_clock::time_point{} && limits.stop == nullptr;
  sqlite3_progress_handler(handle(), none ? 0 : 1000, none ? nullptr : on_progress, this);
}

void SqlConnection::check_limits() const {
  if (must_end()) throw SQLite::Exception("interrupted", SQLITE_INTERRUPT);
}

bool SqlConnection::must_end() const {
  if (limits_.stop != nullptr && limits_.stop->load(std::memory_order_relaxed)) return true;
  return limits_.deadline != std::chrono::steady_clock::time_point{} &&
         std::chrono::steady_clock::now() > limits_.deadline;
}

int SqlConnection::on_progress(void* self) {
  return static_cast<const SqlConnection*>(self)->must_end() ? 1 : 0;
}

SqlTransaction::SqlTransaction(SqlConnection& connection, Kind kind) : connection_(connection) {
  connection.use(kind == Kind::kWrite ? "BEGIN IMMEDIATE" : "BEGIN")->run();
}

SqlTransaction::~SqlTransaction() {
  // SQLite rolls back by itself on some failures (disk full); then there is nothing to end.
  if (!open_ || sqlite3_get_autocommit(connection_.handle()) != 0) return;
  sqlite3_exec(connection_.handle(), "ROLLBACK", nullptr, nullptr, nullptr);
}

void SqlTransaction::commit() {
  connection_.use("COMMIT")->run();
  open_ = false;
}

Error to_error(const SQLite::Exception& e, std::string_view doing) {
  std::string message = "cannot " + std::string(doing) + ": " + e.what();
  int code = e.getErrorCode() & 0xff;
  // The one fault of the file's own bytes that has no code: its header has another format.
  if (code == SQLITE_ERROR && e.what() == std::string_view("unsupported file format")) {
    code = SQLITE_CORRUPT;
  }
  switch (code) {
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
    case SQLITE_CONSTRAINT:  // what is written fits what the file should hold
      return {ErrorCode::kCorrupt, std::move(message)};
    case SQLITE_FULL:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_INTERRUPT:
      return {ErrorCode::kUnavailable, std::move(message)};
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return {ErrorCode::kPermission, std::move(message)};
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_NOLFS:
      return {ErrorCode::kIo, std::move(message)};
    default:
      return {ErrorCode::kInternal, std::move(message)};
  }
}

}  // namespace blockwatch
