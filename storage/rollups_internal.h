#pragma once
// Counts per hour, kept by the writer in the same transaction as the rows. They answer statistics
// without touching rows, and tell in which hours a rare value occurs at all.

#include <cstdint>
#include <unordered_map>

#include "storage/sqlite_internal.h"

namespace blockwatch {

// Numbers are part of the file format.
enum class RollupField : std::uint8_t { kApplication = 1, kProcessId = 2, kFilterId = 3 };

class RollupDelta {
 public:
  // `n` is 1 for a new row and -1 for a deleted one. Absent values are not counted.
  void add_shape(std::uint32_t shape, std::int64_t hour, std::int64_t n);
  void add_value(RollupField field, std::int64_t value, std::int64_t hour, std::int64_t n);

  // Adds everything to the tables, and starts again.
  void flush(SqlConnection& connection);

 private:
  struct Place {
    std::int64_t value = 0;
    std::int32_t hour = 0;
    std::uint8_t field = 0;  // 0: a shape
    friend bool operator==(const Place&, const Place&) = default;
  };
  struct PlaceHash {
    std::size_t operator()(const Place& p) const noexcept {
      std::uint64_t hash = static_cast<std::uint64_t>(p.value) * 0x9e3779b97f4a7c15U;
      hash ^= (static_cast<std::uint64_t>(p.hour) << 8 | p.field) * 0xff51afd7ed558ccdU;
      return static_cast<std::size_t>(hash ^ hash >> 31);
    }
  };
  std::unordered_map<Place, std::int64_t, PlaceHash> counts_;
};

}  // namespace blockwatch
