#pragma once
// The yardstick of the store: SQLite alone with what the store ends up with.

#include <cstdint>
#include <string>

namespace blockwatch::bench {

struct BareCopy {
  double seconds = 0;  // in transactions; reading `from` is not counted
  double cpu_seconds = 0;
  std::uint64_t rows = 0;  // of all tables
  std::uint64_t tables = 0;
};

// Inserts every row of every table of `from` into a new file of the same schema, indexes included,
// by prepared statements: WAL, synchronous=NORMAL, `transactions` transactions, in each of them
// the same share of every table in the table's own order. What a store adds to this - dictionaries,
// counting, compression - is its own cost. Rows that a store updates again and again are inserted
// once, which favours the yardstick.
BareCopy bare_copy(const std::string& from, const std::string& to, std::uint64_t transactions);

}  // namespace blockwatch::bench
