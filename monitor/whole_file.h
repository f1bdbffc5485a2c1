#pragma once
// Reading a file of events once, as a whole, for sources that find files in folders.

#include <cstdint>
#include <stop_token>
#include <string>

#include "monitor/event_source.h"
#include "monitor/file_position.h"
#include "storage/words.h"

namespace blockwatch {

// Reads the file, which looks like `state`, unless its own source has committed a position that
// says it was read as it is now. The position that it then has; its record_id is 0 when something
// of the file could not be read. When stop is requested the position means nothing.
Result<FilePosition> read_whole_file(const std::string& path, const FileState& state,
                                     ActionSet record, const PositionFn& position_of,
                                     const BatchFn& emit, std::stop_token stop);

}  // namespace blockwatch
