#pragma once
// The table `setting`. Throws SQLite::Exception.

#include <optional>

#include "storage/retention_clock.h"
#include "storage/settings.h"
#include "storage/sqlite_internal.h"

namespace blockwatch {

StoredSettings read_settings(SqlConnection& connection);
void write_settings(SqlConnection& connection, const StoredSettings& settings);

// None: it was never kept, or is damaged.
std::optional<RetentionTime> read_retention_time(SqlConnection& connection);
void write_retention_time(SqlConnection& connection, const RetentionTime& time);

}  // namespace blockwatch
