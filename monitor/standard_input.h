#pragma once
// Standard input as a ReadFn.

#include <stop_token>

#include "monitor/winlog/text_reader.h"

namespace blockwatch {

// Binary. A read ends (with 0 bytes) soon after stop is requested.
winlog::ReadFn standard_input(std::stop_token stop = {});

}  // namespace blockwatch
