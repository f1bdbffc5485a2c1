#pragma once
// The table `setting`. Throws SQLite::Exception.

#include "storage/settings.h"
#include "storage/sqlite_internal.h"

namespace blockwatch {

StoredSettings read_settings(SqlConnection& connection);
void write_settings(SqlConnection& connection, const StoredSettings& settings);

}  // namespace blockwatch
