#include "storage/row_inserter_internal.h"

#include <array>

#include "storage/row_module_internal.h"

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
struct RowInserter::NewRows {
  using Owner = RowInserter;
  using Place = std::size_t;  // of the row
  static constexpr const char* kName = "new_row";
  static constexpr const char* kDeclaration =
      "CREATE TABLE new_row(seq HIDDEN, time, shape, record_id, application, process_id, "
      "local_address, local_port, remote_address, remote_port, filter_id, raw)";

  static void begin(RowInserter&, std::size_t& at) { at = 0; }
  static void next(RowInserter&, std::size_t& at) { ++at; }
  static bool at_end(const RowInserter& all, std::size_t at) { return at >= all.rows_.size(); }
  static sqlite3_int64 id(std::size_t at) { return static_cast<sqlite3_int64>(at); }

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

  static void column(const RowInserter& all, std::size_t at, sqlite3_context* result, int column) {
    const IndexRow& row = all.rows_[at];
    if (column == 0) {
      sqlite3_result_int64(result, static_cast<std::int64_t>(row.seq));
    } else if (column == 1) {
      sqlite3_result_int64(result, row.time);
    } else if (column == kRawBytesColumn) {
      std::string_view raw = all.raw_[at];
      if (!raw.empty()) sqlite3_result_blob64(result, raw.data(), raw.size(), SQLITE_STATIC);
    } else {
      field_column(row, kFields.at(static_cast<std::size_t>(column) - 2), result);
    }
  }
};

RowInserter::RowInserter(SqlConnection& connection) : connection_(connection) {
  RowModule<NewRows>::add_to(connection, *this);
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
