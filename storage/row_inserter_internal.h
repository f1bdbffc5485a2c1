#pragma once
// Puts the rows of a commit into the table `event`. SQLite takes them from memory, as rows of a
// table `new_row`: a statement for each row, with bound values, costs twice as much.

#include <span>
#include <string_view>

#include "storage/index_row_internal.h"
#include "storage/sqlite_internal.h"

namespace blockwatch {

class RowInserter {
 public:
  explicit RowInserter(SqlConnection& connection);
  RowInserter(const RowInserter&) = delete;
  RowInserter& operator=(const RowInserter&) = delete;

  // Rows with consecutive seqs, above those in the table. raw[i]: what rows[i] keeps of the raw
  // values.
  void insert(std::span<const IndexRow> rows, std::span<const std::string_view> raw);

 private:
  struct NewRows;
  void insert(std::string_view sql, std::span<const IndexRow> rows,
              std::span<const std::string_view> raw);

  SqlConnection& connection_;
  // What `new_row` holds.
  std::span<const IndexRow> rows_;
  std::span<const std::string_view> raw_;
};

}  // namespace blockwatch
