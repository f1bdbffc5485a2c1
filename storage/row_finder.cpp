#include "storage/row_finder_internal.h"

#include <string>
#include <utility>

#include "storage/posting_internal.h"
#include "storage/row_internal.h"
#include "storage/row_module_internal.h"

namespace blockwatch {

// The table `wanted_row` in SQL: each row is taken when SQLite asks for it.
struct RowFinder::Wanted {
  using Owner = RowFinder;
  using Place = std::optional<std::uint64_t>;
  static constexpr const char* kName = "wanted_row";
  static constexpr const char* kDeclaration = "CREATE TABLE wanted_row(seq INTEGER)";

  static void begin(RowFinder& finder, Place& seq) { next(finder, seq); }
  static void next(RowFinder& finder, Place& seq) {
    seq = std::exchange(finder.wanted_, std::nullopt);
  }
  static bool at_end(const RowFinder&, const Place& seq) { return !seq; }
  static sqlite3_int64 id(const Place& seq) { return static_cast<sqlite3_int64>(seq.value_or(0)); }
  static void column(const RowFinder&, const Place& seq, sqlite3_context* result, int) {
    sqlite3_result_int64(result, id(seq));
  }
};

RowFinder::RowFinder(SqlConnection& connection) : connection_(connection) {
  RowModule<Wanted>::add_to(connection, *this);
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
