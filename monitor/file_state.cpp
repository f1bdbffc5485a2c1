#include "monitor/file_state.h"

#include <filesystem>

namespace blockwatch {
namespace {

namespace fs = std::filesystem;

fs::path to_path(const std::string& utf8) { return {std::u8string(utf8.begin(), utf8.end())}; }

}  // namespace

std::optional<FileState> file_state(const std::string& path) {
  std::error_code error;
  const auto size = fs::file_size(to_path(path), error);
  if (error) return std::nullopt;
  const auto modified = fs::last_write_time(to_path(path), error);
  if (error) return std::nullopt;
  return FileState{size, modified.time_since_epoch().count()};
}

std::string absolute_path(const std::string& path) {
  std::error_code error;
  const fs::path absolute = fs::absolute(to_path(path), error);
  const auto text = (error ? to_path(path) : absolute.lexically_normal()).u8string();
  return {text.begin(), text.end()};
}

}  // namespace blockwatch
