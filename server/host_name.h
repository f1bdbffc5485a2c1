#pragma once
// What this computer is called.

#include <string>

namespace blockwatch {

std::string host_name();  // empty: unknown

}  // namespace blockwatch
