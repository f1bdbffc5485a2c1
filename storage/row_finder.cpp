#include "storage/row_finder_internal.h"

#include <new>
#include <string>
#include <utility>

#include "storage/posting_internal.h"
#include "storage/row_internal.h"

namespace blockwatch {

// The table `wanted_row` in SQL: each row is taken when SQLite asks for it.
struct RowFinder::Module {
  struct Table : sqlite3_vtab {
    RowFinder* finder = nullptr;
  };
  struct Cursor : sqlite3_vtab_cursor {
    std::optional<std::uint64_t> seq;
  };

  static const std::optional<std::uint64_t>& seq_of(sqlite3_vtab_cursor* cursor) {
    return static_cast<Cursor*>(cursor)->seq;
  }

  static int connect(sqlite3* db, void* finder, int, const char* const*, sqlite3_vtab** made,
                     char**) {
    int code = sqlite3_declare_vtab(db, "CREATE TABLE wanted_row(seq INTEGER)");
    if (code != SQLITE_OK) return code;
    auto* table = new (std::nothrow) Table;
    if (table == nullptr) return SQLITE_NOMEM;
    table->finder = static_cast<RowFinder*>(finder);
    *made = table;
    return SQLITE_OK;
  }
  static int disconnect(sqlite3_vtab* table) {
    delete static_cast<Table*>(table);
    return SQLITE_OK;
  }
  static int best_index(sqlite3_vtab*, sqlite3_index_info*) { return SQLITE_OK; }
  static int open(sqlite3_vtab*, sqlite3_vtab_cursor** made) {
    *made = new (std::nothrow) Cursor;
    return *made == nullptr ? SQLITE_NOMEM : SQLITE_OK;
  }
  static int close(sqlite3_vtab_cursor* cursor) {
    delete static_cast<Cursor*>(cursor);
    return SQLITE_OK;
  }
  static int next(sqlite3_vtab_cursor* cursor) {
    RowFinder& finder = *static_cast<Table*>(cursor->pVtab)->finder;
    static_cast<Cursor*>(cursor)->seq = std::exchange(finder.wanted_, std::nullopt);
    return SQLITE_OK;
  }
  static int filter(sqlite3_vtab_cursor* cursor, int, const char*, int, sqlite3_value**) {
    return next(cursor);
  }
  static int eof(sqlite3_vtab_cursor* cursor) { return seq_of(cursor) ? 0 : 1; }
  static int row_id(sqlite3_vtab_cursor* cursor, sqlite3_int64* id) {
    *id = static_cast<sqlite3_int64>(seq_of(cursor).value_or(0));
    return SQLITE_OK;
  }
  static int column(sqlite3_vtab_cursor* cursor, sqlite3_context* result, int) {
    sqlite3_result_int64(result, static_cast<sqlite3_int64>(seq_of(cursor).value_or(0)));
    return SQLITE_OK;
  }

  static const sqlite3_module& definition() {
    static const sqlite3_module kDefinition = [] {
      sqlite3_module made{};
      made.iVersion = 1;
      made.xConnect = connect;
      made.xDisconnect = disconnect;
      made.xBestIndex = best_index;
      made.xOpen = open;
      made.xClose = close;
      made.xFilter = filter;
      made.xNext = next;
      made.xEof = eof;
      made.xColumn = column;
      made.xRowid = row_id;
      return made;
    }();
    return kDefinition;
  }
};

RowFinder::RowFinder(SqlConnection& connection) : connection_(connection) {
  int code = sqlite3_create_module(connection.handle(), "wanted_row", &Module::definition(), this);
  if (code != SQLITE_OK) throw SQLite::Exception(connection.handle(), code);
}

RowFinder::Search RowFinder::search(bool raw) {
  static const std::string kColumns = std::string("SELECT ") + kRowColumns;
  static const std::string kFrom = " FROM wanted_row w CROSS JOIN event e ON e.seq = w.seq";
  return {*this, connection_.use(kColumns + (raw ? ", e.raw" : "") + kFrom)};
}

const SqlStatement& RowFinder::Search::find(std::uint64_t seq) {
  finder_.wanted_ = seq;
  if (!statement_->step()) throw_damaged_index();
  return *statement_;
}

}  // namespace blockwatch
