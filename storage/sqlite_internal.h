#pragma once
// One SQLite connection with its prepared statements. Only the store's own .cpp files include this.
// Everything here throws SQLite::Exception; the store's public functions turn that into a Result.

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Exception.h>
#include <sqlite3.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "storage/result.h"

namespace blockwatch {

// A prepared statement. Bound text and blobs are not copied: they must live until the next reset.
class SqlStatement {
 public:
  SqlStatement(sqlite3* db, std::string_view sql);
  ~SqlStatement() { sqlite3_finalize(statement_); }
  SqlStatement(const SqlStatement&) = delete;
  SqlStatement& operator=(const SqlStatement&) = delete;

  void bind(int index, std::int64_t value) { check(sqlite3_bind_int64(statement_, index, value)); }
  void bind_null(int index) { check(sqlite3_bind_null(statement_, index)); }
  template <class Number>
  void bind_optional(int index, const std::optional<Number>& value) {
    value ? bind(index, static_cast<std::int64_t>(*value)) : bind_null(index);
  }
  void bind_text(int index, std::string_view text);
  void bind_blob(int index, std::string_view bytes);

  bool step();  // true: a row is there
  void reset() { sqlite3_reset(statement_); }
  void run() {  // for statements that return nothing
    step();
    reset();
  }

  bool is_null(int column) const { return type(column) == SQLITE_NULL; }
  int type(int column) const { return sqlite3_column_type(statement_, column); }
  std::int64_t integer(int column) const { return sqlite3_column_int64(statement_, column); }
  // Valid until the next step or reset.
  std::string_view bytes(int column) const;

  bool busy() const { return busy_; }
  void set_busy(bool busy) { busy_ = busy; }

 private:
  void check(int code) const;
  sqlite3_stmt* statement_ = nullptr;
  bool busy_ = false;
};

// A cached statement while it is in use; reset on the way out.
class StatementUse {
 public:
  explicit StatementUse(SqlStatement& statement) : statement_(&statement) {
    statement.set_busy(true);
  }
  StatementUse(StatementUse&& other) noexcept : statement_(other.statement_) {
    other.statement_ = nullptr;
  }
  StatementUse(const StatementUse&) = delete;
  StatementUse& operator=(const StatementUse&) = delete;
  StatementUse& operator=(StatementUse&&) = delete;
  ~StatementUse() {
    if (statement_ == nullptr) return;
    statement_->reset();
    statement_->set_busy(false);
  }
  SqlStatement* operator->() const { return statement_; }
  SqlStatement& operator*() const { return *statement_; }

 private:
  SqlStatement* statement_;
};

class SqlConnection {
 public:
  // kImmutable: as kReadOnly, of a file that nobody writes to, without locks and log.
  enum class Mode : std::uint8_t { kReadOnly, kImmutable, kReadWrite, kCreate };
  SqlConnection(const std::string& path, Mode mode);

  sqlite3* handle() const { return database_.getHandle(); }
  void execute(const std::string& sql) { database_.exec(sql); }
  std::int64_t query_integer(std::string_view sql);

  // Cached by text; the same text can be in use several times at once.
  StatementUse use(std::string_view sql);

  // When steps fail with SQLITE_INTERRUPT.
  struct Limits {
    std::chrono::steady_clock::time_point deadline{};  // the epoch: none
    const std::atomic<bool>* stop = nullptr;           // null: none
  };
  void set_limits(const Limits& limits);
  // The same for long work between steps: throws as a step would.
  void check_limits() const;

 private:
  static constexpr std::size_t kMaxCached = 192;
  static int on_progress(void* self);
  bool must_end() const;

  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept {
      return std::hash<std::string_view>{}(text);
    }
  };
  using Statements = std::vector<std::unique_ptr<SqlStatement>>;

  SQLite::Database database_;
  std::unordered_map<std::string, Statements, TextHash, std::equal_to<>> cache_;
  std::size_t cached_ = 0;
  Limits limits_;
};

// A transaction that is rolled back unless commit() was called.
class SqlTransaction {
 public:
  enum class Kind : std::uint8_t { kRead, kWrite };
  SqlTransaction(SqlConnection& connection, Kind kind);
  ~SqlTransaction();
  SqlTransaction(const SqlTransaction&) = delete;
  SqlTransaction& operator=(const SqlTransaction&) = delete;
  void commit();

 private:
  SqlConnection& connection_;
  bool open_ = true;
};

// What an SQLite failure means to our callers. `doing` says what was tried ("open the store").
Error to_error(const SQLite::Exception& e, std::string_view doing);

}  // namespace blockwatch
