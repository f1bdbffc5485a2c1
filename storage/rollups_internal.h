#pragma once
// Counts of shapes per hour, kept by the writer in the same transaction as the rows: they answer
// statistics by low-cardinality fields without touching rows.

#include <cstdint>
#include <map>
#include <utility>

#include "storage/sqlite_internal.h"

namespace blockwatch {

class RollupDelta {
 public:
  // `n` is 1 for a new row and -1 for a deleted one.
  void add(std::uint32_t shape, std::int64_t hour, std::int64_t n) {
    if (last_ == nullptr || last_->first != std::pair(hour, shape)) {
      last_ = &*counts_.try_emplace({hour, shape}, 0).first;
    }
    last_->second += n;
  }

  // Adds everything to the table, and starts again.
  void flush(SqlConnection& connection);

 private:
  using Counts = std::map<std::pair<std::int64_t, std::uint32_t>, std::int64_t>;
  Counts counts_;
  Counts::value_type* last_ = nullptr;
};

}  // namespace blockwatch
