#pragma once
// Who runs this process.

#include <string>

namespace blockwatch {

// The account's name as the system has it, whatever the environment says; its number where it has
// no name.
std::string os_user();

}  // namespace blockwatch
