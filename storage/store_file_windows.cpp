#include "storage/store_file.h"

namespace blockwatch {

Result<void> create_private_file(const std::string&) { return {}; }

}  // namespace blockwatch
