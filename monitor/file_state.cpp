#include "monitor/file_state.h"

#include "storage/file_path.h"

namespace blockwatch {

std::string absolute_path(const std::string& path) {
  std::error_code error;
  const auto absolute = std::filesystem::absolute(to_path(path), error);
  return error ? path : to_utf8(absolute.lexically_normal());
}

}  // namespace blockwatch
