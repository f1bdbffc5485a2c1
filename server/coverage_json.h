#pragma once
// A coverage fact as JSON, for the answer and for streams.

#include <string>

#include "storage/coverage.h"

namespace blockwatch {

void append_json(std::string& out, const CoverageFact& fact);

}  // namespace blockwatch
