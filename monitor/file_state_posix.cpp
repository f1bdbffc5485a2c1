#include "monitor/file_state.h"
#include "storage/file_path.h"

namespace blockwatch {

std::optional<FileState> file_state(const std::string& path) {
  std::error_code error;
  const auto size = std::filesystem::file_size(to_path(path), error);
  if (error) return std::nullopt;
  const auto modified = std::filesystem::last_write_time(to_path(path), error);
  if (error) return std::nullopt;
  return FileState{size, modified.time_since_epoch().count()};
}

}  // namespace blockwatch
