#include "storage/row_inserter_internal.h"

#include <array>
#include <new>

namespace blockwatch {
namespace {

// The columns of the table after seq and time, before raw.
constexpr std::array kFields{
    IndexField::kShape,         IndexField::kRecordId,     IndexField::kApplication,
    IndexField::kProcessId,     IndexField::kLocalAddress, IndexField::kLocalPort,
    IndexField::kRemoteAddress, IndexField::kRemotePort,   IndexField::kFilterId};
constexpr int kRawBytesColumn = 2 + static_cast<int>(kFields.size());

}  // namespace

// The table `new_row` in SQL: the rows that insert() was given.
struct RowInserter::Module {
  struct Table : sqlite3_vtab {
    const RowInserter* rows = nullptr;
  };
  struct Cursor : sqlite3_vtab_cursor {
    std::size_t row = 0;
  };

  static const RowInserter& rows_of(sqlite3_vtab_cursor* cursor) {
    return *static_cast<Table*>(cursor->pVtab)->rows;
  }
  static std::size_t& place_of(sqlite3_vtab_cursor* cursor) {
    return static_cast<Cursor*>(cursor)->row;
  }

  static int connect(sqlite3* db, void* rows, int, const char* const*, sqlite3_vtab** made,
                     char**) {
    int code = sqlite3_declare_vtab(db,
                                    "CREATE TABLE new_row(seq HIDDEN, time, shape, record_id, "
                                    "application, process_id, local_address, "
                                    "local_port, remote_address, remote_port, filter_id, raw)");
    if (code != SQLITE_OK) return code;
    auto* table = new (std::nothrow) Table;
    if (table == nullptr) return SQLITE_NOMEM;
    table->rows = static_cast<const RowInserter*>(rows);
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
    place_of(cursor) = 0;
    return SQLITE_OK;
  }
  static int next(sqlite3_vtab_cursor* cursor) {
    ++place_of(cursor);
    return SQLITE_OK;
  }
  static int eof(sqlite3_vtab_cursor* cursor) {
    return place_of(cursor) >= rows_of(cursor).rows_.size() ? 1 : 0;
  }
  static int row_id(sqlite3_vtab_cursor* cursor, sqlite3_int64* id) {
    *id = static_cast<sqlite3_int64>(place_of(cursor));
    return SQLITE_OK;
  }

  // NULL unless it is set.
  static void field_column(const IndexRow& row, IndexField field, sqlite3_context* result) {
    const auto address6 = [&](IndexField v6) {
      const auto& bytes = row.address(v6).bytes;
      if (row.has(v6)) sqlite3_result_blob64(result, bytes.data(), bytes.size(), SQLITE_STATIC);
    };
    if (!row.has(field)) {
      if (field == IndexField::kLocalAddress) address6(IndexField::kLocalAddress6);
      if (field == IndexField::kRemoteAddress) address6(IndexField::kRemoteAddress6);
    } else if (field == IndexField::kLocalAddress || field == IndexField::kRemoteAddress) {
      sqlite3_result_int(result, static_cast<std::int32_t>(row.number(field)));
    } else {
      sqlite3_result_int64(result, row.number(field));
    }
  }

  static int column(sqlite3_vtab_cursor* cursor, sqlite3_context* result, int column) {
    const RowInserter& all = rows_of(cursor);
    const IndexRow& row = all.rows_[place_of(cursor)];
    if (column == 0) {
      sqlite3_result_int64(result, static_cast<std::int64_t>(row.seq));
    } else if (column == 1) {
      sqlite3_result_int64(result, row.time);
    } else if (column == kRawBytesColumn) {
      std::string_view raw = all.raw_[place_of(cursor)];
      if (!raw.empty()) sqlite3_result_blob64(result, raw.data(), raw.size(), SQLITE_STATIC);
    } else {
      field_column(row, kFields.at(static_cast<std::size_t>(column) - 2), result);
    }
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

RowInserter::RowInserter(SqlConnection& connection) : connection_(connection) {
  int code = sqlite3_create_module(connection.handle(), "new_row", &Module::definition(), this);
  if (code != SQLITE_OK) throw SQLite::Exception(connection.handle(), code);
}

void RowInserter::insert(std::span<const IndexRow> rows, std::span<const std::string_view> raw) {
  if (rows.empty()) return;
  // The first says its seq, as there may be no row before it. The others get the next number, which
  // needs no search for a row that has it.
  insert("INSERT INTO event SELECT seq, * FROM new_row", rows.first(1), raw);
  insert(
      "INSERT INTO event(time, shape, record_id, application, process_id, local_address, "
      "local_port, remote_address, remote_port, filter_id, raw) SELECT * FROM new_row",
      rows.subspan(1), raw.subspan(1));
  auto last = static_cast<std::uint64_t>(sqlite3_last_insert_rowid(connection_.handle()));
  if (last != rows.back().seq) {
    throw SQLite::Exception("the table of events has rows that are too new", SQLITE_CORRUPT);
  }
}

void RowInserter::insert(std::string_view sql, std::span<const IndexRow> rows,
                         std::span<const std::string_view> raw) {
  rows_ = rows;
  raw_ = raw;
  if (!rows.empty()) connection_.use(sql)->run();
}

}  // namespace blockwatch
