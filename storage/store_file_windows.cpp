#include <windows.h>

#include "storage/file_path.h"
#include "storage/store_file.h"

namespace blockwatch {
namespace {

Error last_error(const std::string& doing) {
  return {ErrorCode::kIo, doing + " (Windows error " + std::to_string(GetLastError()) + ")"};
}

}  // namespace

Result<void> create_private_file(const std::string&) { return {}; }

Result<void> keep_as(const std::string& path, const std::string& new_path) {
  const HANDLE file = CreateFileW(to_path(path).c_str(), GENERIC_WRITE, 0, nullptr, OPEN_EXISTING,
                                  FILE_ATTRIBUTE_NORMAL, nullptr);
  const bool synced = file != INVALID_HANDLE_VALUE && FlushFileBuffers(file) != 0;
  const Error unsynced = last_error("cannot write " + path + " to the disk");
  if (file != INVALID_HANDLE_VALUE) CloseHandle(file);
  if (!synced) return tl::unexpected<Error>(unsynced);
  // Not over a file that exists.
  if (MoveFileExW(to_path(path).c_str(), to_path(new_path).c_str(), MOVEFILE_WRITE_THROUGH) == 0) {
    return tl::unexpected<Error>(last_error("cannot rename " + path + " to " + new_path));
  }
  return {};
}

}  // namespace blockwatch
