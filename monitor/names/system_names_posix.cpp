#include "monitor/name_resolver.h"

namespace blockwatch {

std::unique_ptr<NameResolver> system_names() { return nullptr; }

}  // namespace blockwatch
