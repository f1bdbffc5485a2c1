#include "tests/support/let_others_read.h"

namespace blockwatch {

void let_others_read(const std::filesystem::path& path) {
  std::filesystem::permissions(path, std::filesystem::perms::others_read,
                               std::filesystem::perm_options::add);
}

}  // namespace blockwatch
