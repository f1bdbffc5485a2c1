#pragma once
// The table `coverage`. Throws SQLite::Exception.

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "storage/event.h"
#include "storage/query.h"
#include "storage/sqlite_internal.h"

namespace blockwatch {

// Stores what the batch tells. A fact that is there already is not added again, at most it becomes
// longer, or open again; nor is one without an end added while another of its kind is open. One
// that follows another of its kind and detail within minutes makes that one longer.
void write_coverage(SqlConnection& connection, const EventBatch& batch, std::uint64_t before_seq);

// Those with before_seq in (after, through], in order.
std::vector<CoverageFact> coverage_between(SqlConnection& connection, std::uint64_t after,
                                           std::uint64_t through);

Coverage read_coverage(SqlConnection& connection, const CoverageQuery& query);

struct TimeSpan {
  Timestamp first = kMaxTimestamp;
  Timestamp last = kMinTimestamp;
  void add(Timestamp time) {
    first = std::min(first, time);
    last = std::max(last, time);
  }
};

// One fact tells of all rows that retention has ever deleted. It is not for streams, whose gaps
// are exact.
void note_deleted(SqlConnection& connection, const TimeSpan& times, std::uint64_t rows);

// Makes one fact per kind of the oldest ones when there are too many to be read at once.
void bound_coverage(SqlConnection& connection);
// The newest that tells of a damaged store.
std::optional<CoverageFact> last_set_aside(SqlConnection& connection);

// Removes what ended and stands before events that were deleted, where the fact of these (which is
// noted first) tells of the same time: an import may be old and what came before it new.
void delete_coverage(SqlConnection& connection, std::uint64_t deleted_through);

}  // namespace blockwatch
