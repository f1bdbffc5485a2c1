#pragma once
// The position text of sources that read files: which file, how far, and how it looked then.

#include <cstdint>
#include <optional>
#include <string>

#include "monitor/file_state.h"

namespace blockwatch {

struct FilePosition {
  std::uint64_t record_id = 0;  // newest record read (EVTX), else 0
  FileState state;              // of the file when it was read to its end
  std::string path;             // absolute: another file of the same name starts anew
  friend bool operator==(const FilePosition&, const FilePosition&) = default;
};

// "1 record_id size modified path": one line, the path last because it may hold anything.
std::string to_text(const FilePosition& position);
std::optional<FilePosition> parse_file_position(const std::string& text);

}  // namespace blockwatch
