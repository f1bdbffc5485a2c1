#pragma once
// A table in SQL whose rows are made when SQLite asks for them: most of an SQLite module is the
// same for each.

#include <sqlite3.h>

#include <new>

#include "storage/sqlite_internal.h"

namespace blockwatch {

// `Rows` says what the table holds:
//   using Owner = ...;  // whose rows they are
//   using Place = ...;  // how far a statement has come
//   static constexpr const char* kName, * kDeclaration;
//   static void begin(Owner&, Place&);
//   static void next(Owner&, Place&);
//   static bool at_end(const Owner&, const Place&);
//   static sqlite3_int64 id(const Place&);
//   static void column(const Owner&, const Place&, sqlite3_context* result, int column);
template <class Rows>
class RowModule {
  using Owner = typename Rows::Owner;
  using Place = typename Rows::Place;

 public:
  // `owner` must outlive the connection's statements.
  static void add_to(SqlConnection& connection, Owner& owner) {
    const int code = sqlite3_create_module(connection.handle(), Rows::kName, &definition(), &owner);
    if (code != SQLITE_OK) throw SQLite::Exception(connection.handle(), code);
  }

 private:
  struct Table : sqlite3_vtab {
    Owner* owner = nullptr;
  };
  struct Cursor : sqlite3_vtab_cursor {
    Place place{};
  };

  static Owner& owner_of(sqlite3_vtab_cursor* cursor) {
    return *static_cast<Table*>(cursor->pVtab)->owner;
  }
  static Place& place_of(sqlite3_vtab_cursor* cursor) {
    return static_cast<Cursor*>(cursor)->place;
  }

  static int connect(sqlite3* db, void* owner, int, const char* const*, sqlite3_vtab** made,
                     char**) {
    const int code = sqlite3_declare_vtab(db, Rows::kDeclaration);
    if (code != SQLITE_OK) return code;
    auto* table = new (std::nothrow) Table;
    if (table == nullptr) return SQLITE_NOMEM;
    table->owner = static_cast<Owner*>(owner);
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
  static int filter(sqlite3_vtab_cursor* cursor, int, const char*, int, sqlite3_value**) {
    Rows::begin(owner_of(cursor), place_of(cursor));
    return SQLITE_OK;
  }
  static int next(sqlite3_vtab_cursor* cursor) {
    Rows::next(owner_of(cursor), place_of(cursor));
    return SQLITE_OK;
  }
  static int eof(sqlite3_vtab_cursor* cursor) {
    return Rows::at_end(owner_of(cursor), place_of(cursor)) ? 1 : 0;
  }
  static int row_id(sqlite3_vtab_cursor* cursor, sqlite3_int64* id) {
    *id = Rows::id(place_of(cursor));
    return SQLITE_OK;
  }
  static int column(sqlite3_vtab_cursor* cursor, sqlite3_context* result, int column) {
    Rows::column(owner_of(cursor), place_of(cursor), result, column);
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

}  // namespace blockwatch
