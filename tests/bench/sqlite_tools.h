#pragma once
// SQLite without a wrapper's cost, for the yardsticks. Every failure ends the program.

#include <sqlite3.h>

#include <string>
#include <utility>

#include "tests/bench/measure.h"

namespace blockwatch::bench {

class Database {
 public:
  explicit Database(const std::string& path) {
    // One thread, so no lock for every call; the store opens its file so too.
    constexpr int kFlags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    if (sqlite3_open_v2(path.c_str(), &db_, kFlags, nullptr) != SQLITE_OK) {
      fail("cannot open " + path);
    }
  }
  ~Database() { sqlite3_close(db_); }
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  void run(const std::string& sql) {
    if (sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
      fail(sql + ": " + sqlite3_errmsg(db_));
    }
  }
  // As a careful user sets up a file that takes many rows.
  void prepare_for_writing() {
    run("PRAGMA cache_size=-65536;PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;"
        "PRAGMA wal_autocheckpoint=20000");
  }
  sqlite3* get() { return db_; }

 private:
  sqlite3* db_ = nullptr;
};

class Statement {
 public:
  Statement(Database& db, const std::string& sql) : db_(db) {
    if (sqlite3_prepare_v2(db.get(), sql.c_str(), -1, &statement_, nullptr) != SQLITE_OK) {
      fail(sql + ": " + sqlite3_errmsg(db.get()));
    }
  }
  ~Statement() { sqlite3_finalize(statement_); }
  Statement(Statement&& other) noexcept
      : db_(other.db_), statement_(std::exchange(other.statement_, nullptr)) {}
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;
  Statement& operator=(Statement&&) = delete;

  bool step() {
    const int code = sqlite3_step(statement_);
    if (code != SQLITE_ROW && code != SQLITE_DONE) fail(sqlite3_errmsg(db_.get()));
    return code == SQLITE_ROW;
  }
  std::string text(int column) const {
    const auto* p = sqlite3_column_text(statement_, column);
    return p == nullptr ? std::string() : reinterpret_cast<const char*>(p);
  }
  sqlite3_stmt* get() { return statement_; }

 private:
  Database& db_;
  sqlite3_stmt* statement_ = nullptr;
};

}  // namespace blockwatch::bench
