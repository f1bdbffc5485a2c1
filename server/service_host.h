#pragma once
// Running under Windows' service manager.

#include <functional>

#include "server/service_life.h"
#include "storage/result.h"

namespace blockwatch {

// `body` does the service's work, from its start to its end, and gives the exit code. Its error is
// written to the system's own log, since nobody may be looking, and ends the service as a failure.
// Here kInvalidArgument: it was not the service manager who started this program.
Result<int> run_under_service_manager(const std::function<Result<int>(ServiceLife&)>& body);

}  // namespace blockwatch
