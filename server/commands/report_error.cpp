#include <iostream>

#include "server/commands/commands.h"

namespace blockwatch {

int report_error(const Error& error) {
  std::cerr << "blockwatchd: " << error.message << '\n';
  return error.code == ErrorCode::kInvalidArgument ? kExitUsage : kExitFailure;
}

}  // namespace blockwatch
