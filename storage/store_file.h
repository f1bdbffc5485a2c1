#pragma once
// Creating the database file before SQLite does, which would let everybody read it.

#include <string>

#include "storage/result.h"

namespace blockwatch {

// Makes an empty file that only its owner may read and write, unless `path` (UTF-8) exists. SQLite
// gives the write-ahead log and its index the same mode. Fails on a symbolic link to nothing. On
// Windows the folder's access list decides and nothing is done.
Result<void> create_private_file(const std::string& path);

// Returns when what was written to the file is on the disk; then renames it, and the new name is on
// the disk too. The new name must not be taken.
Result<void> keep_as(const std::string& path, const std::string& new_path);

}  // namespace blockwatch
