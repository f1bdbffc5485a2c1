#pragma once
// What a file looked like when it was last read: enough to see that it has changed.

#include <cstdint>
#include <optional>
#include <string>

namespace blockwatch {

struct FileState {
  std::uint64_t size = 0;           // bytes
  std::int64_t modified_ticks = 0;  // of the file system's clock; only compared
  friend bool operator==(const FileState&, const FileState&) = default;
};

// None when the file cannot be looked at. `path` is UTF-8.
std::optional<FileState> file_state(const std::string& path);

// Absolute, without "." and ".."; symbolic links are kept.
std::string absolute_path(const std::string& path);

}  // namespace blockwatch
