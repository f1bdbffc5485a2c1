#pragma once
// Makes runs: of new rows, and of neighbouring runs when there are many small ones, so that the
// number of runs grows with the logarithm of the rows. Inside the writer's transaction.

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "storage/run_index_internal.h"
#include "storage/run_lists_internal.h"
#include "storage/sqlite_internal.h"

namespace blockwatch {

class RunWriter {
 public:
  // `run_rows`: how many rows the smallest run has at least.
  RunWriter(SqlConnection& connection, std::uint32_t run_rows)
      : connection_(connection), index_(connection), run_rows_(run_rows) {}

  // A run of rows that no run has, which follow those of the newest run.
  void add(RunLists& lists);
  // Merges the newest runs while they are many of one size, or not in order of size. True:
  // something changed.
  bool merge(std::vector<Run> runs);
  void remove(const Run& run);
  // Removes at most `max_blocks` blocks of runs without rows. Nothing was left: false.
  bool sweep(std::uint64_t max_blocks);

 private:
  static constexpr std::uint32_t kFanOut = 16;
  static constexpr int kTopLevel = 3;

  class Merge;
  int level_of(const Run& run) const;
  // Where the newest runs begin that should be one; runs.size() when none should.
  std::size_t first_to_merge(const std::vector<Run>& runs) const;
  std::int64_t insert(const Run& run);
  // Makes one run of neighbours, in their place.
  Run merged(std::span<const Run> runs);

  SqlConnection& connection_;
  RunIndex index_;
  std::uint32_t run_rows_;
};

}  // namespace blockwatch
