#include "storage/rollups_internal.h"

namespace blockwatch {

void RollupDelta::flush(SqlConnection& connection) {
  for (const auto& [place, n] : counts_) {
    if (n == 0) continue;
    auto upsert = connection.use(
        "INSERT INTO hour_shape(hour, shape, n) VALUES(?1, ?2, ?3) "
        "ON CONFLICT DO UPDATE SET n = n + ?3");
    upsert->bind(1, place.first);
    upsert->bind(2, place.second);
    upsert->bind(3, n);
    upsert->run();
    if (n > 0) continue;
    auto remove = connection.use("DELETE FROM hour_shape WHERE hour = ?1 AND shape = ?2 AND n = 0");
    remove->bind(1, place.first);
    remove->bind(2, place.second);
    remove->run();
  }
  counts_.clear();
  last_ = nullptr;
}

}  // namespace blockwatch
