#include <windows.h>

#include "monitor/file_state.h"
#include "storage/file_path.h"

namespace blockwatch {
namespace {

std::uint64_t join(DWORD high, DWORD low) { return (std::uint64_t{high} << 32U) | low; }

}  // namespace

// Not by std::filesystem: libstdc++ gives whole seconds here, and a log that is written to often
// keeps its size for long.
std::optional<FileState> file_state(const std::string& path) {
  WIN32_FILE_ATTRIBUTE_DATA data{};
  if (!::GetFileAttributesExW(to_path(path).c_str(), GetFileExInfoStandard, &data) ||
      (data.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY) != 0) {
    return std::nullopt;
  }
  const FILETIME& modified = data.ftLastWriteTime;
  return FileState{
      join(data.nFileSizeHigh, data.nFileSizeLow),
      static_cast<std::int64_t>(join(modified.dwHighDateTime, modified.dwLowDateTime))};
}

}  // namespace blockwatch
