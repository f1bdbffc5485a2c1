#pragma once
// The tables, as one ordered list of steps; README.md explains the layout.

#include "storage/result.h"

namespace blockwatch {

class SqlConnection;

// "BlkW": marks the file as ours for file(1) and refuses other databases.
inline constexpr int kApplicationId = 0x426c6b57;

// The number of migrations; the file's user_version after migrate().
int newest_schema_version() noexcept;

// Brings a new or older file up to date, one transaction per step. kUnsupported: the file is from a
// newer version or another program. Throws SQLite::Exception.
Result<void> migrate(SqlConnection& connection);

// The same checks without changing anything, for readers.
Result<void> check_schema(SqlConnection& connection);

}  // namespace blockwatch
