#include <algorithm>
#include <tuple>
#include <vector>

#include "storage/rollups_internal.h"

namespace blockwatch {

void RollupDelta::add_shape(std::uint32_t shape, std::int64_t hour, std::int64_t n) {
  counts_[{shape, static_cast<std::int32_t>(hour), 0}] += n;
}

void RollupDelta::add_value(RollupField field, std::int64_t value, std::int64_t hour,
                            std::int64_t n) {
  counts_[{value, static_cast<std::int32_t>(hour), static_cast<std::uint8_t>(field)}] += n;
}

void RollupDelta::flush(SqlConnection& connection) {
  // In the tables' own order: neighbours share pages.
  std::vector<std::pair<Place, std::int64_t>> sorted(counts_.begin(), counts_.end());
  std::sort(sorted.begin(), sorted.end(), [](const auto& x, const auto& y) {
    return std::tie(x.first.field, x.first.value, x.first.hour) <
           std::tie(y.first.field, y.first.value, y.first.hour);
  });
  for (const auto& [place, n] : sorted) {
    if (n == 0) continue;
    bool shape = place.field == 0;
    auto upsert =
        connection.use(shape ? "INSERT INTO hour_shape(shape, hour, n) VALUES(?1, ?2, ?3) "
                               "ON CONFLICT DO UPDATE SET n = n + ?3"
                             : "INSERT INTO hour_value(value, hour, n, field) "
                               "VALUES(?1, ?2, ?3, ?4) "
                               "ON CONFLICT DO UPDATE SET n = n + ?3");
    upsert->bind(1, place.value);
    upsert->bind(2, place.hour);
    upsert->bind(3, n);
    if (!shape) upsert->bind(4, place.field);
    upsert->run();
    if (n > 0) continue;
    auto remove = connection.use(shape ? "DELETE FROM hour_shape WHERE shape = ?1 AND hour = ?2 "
                                         "AND n = 0"
                                       : "DELETE FROM hour_value WHERE value = ?1 AND hour = ?2 "
                                         "AND field = ?3 AND n = 0");
    remove->bind(1, place.value);
    remove->bind(2, place.hour);
    if (!shape) remove->bind(3, place.field);
    remove->run();
  }
  counts_.clear();
}

}  // namespace blockwatch
