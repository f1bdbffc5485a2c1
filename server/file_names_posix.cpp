#include "server/file_names.h"

namespace blockwatch {

std::vector<std::string> expand_file_names(std::vector<std::string> words) { return words; }

}  // namespace blockwatch
