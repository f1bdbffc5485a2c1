#pragma once
// The log behind `demo:` - and a small true-to-life log for tests.

#include <string>

namespace blockwatch {

// Three chunks of blocks, drops and permits as Windows 7, 10 and 11 write them, among logons and
// process starts. Every address is one of the documentation or private ranges.
std::string demo_log();

}  // namespace blockwatch
