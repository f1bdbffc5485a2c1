#pragma once
// Finds rows of the table `event` by seq, in any order. SQLite asks for the next seq as the next
// row of a table `wanted_row`, so that one statement goes on from row to row: to end and begin it
// again for each costs a fifth of a scattered page.

#include <cstdint>

#include "storage/sqlite_internal.h"

namespace blockwatch {

class RowFinder {
 public:
  explicit RowFinder(SqlConnection& connection);
  RowFinder(const RowFinder&) = delete;
  RowFinder& operator=(const RowFinder&) = delete;

  // One of a question: the same columns of every row it asks for.
  class Search {
   public:
    // The row has the columns kRowColumns, then raw; valid until the next call. A row that is not
    // there is damage, and throws.
    const SqlStatement& find(std::uint64_t seq);

   private:
    friend class RowFinder;
    Search(RowFinder& finder, StatementUse statement)
        : finder_(finder), statement_(std::move(statement)) {}
    RowFinder& finder_;
    StatementUse statement_;
  };
  Search search(bool raw);

 private:
  struct Wanted;

  SqlConnection& connection_;
  std::optional<std::uint64_t> wanted_;  // what `wanted_row` gives next
};

}  // namespace blockwatch
