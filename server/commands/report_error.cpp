#include <cerrno>
#include <iostream>

#include "server/commands/commands.h"

namespace blockwatch {

int report_error(const Error& error) {
  std::cerr << "blockwatchd: " << error.message << '\n';
  return error.code == ErrorCode::kInvalidArgument ? kExitUsage : kExitFailure;
}

// Windows calls it an invalid argument, too.
bool is_reader_gone(int error_number) { return error_number == EPIPE || error_number == EINVAL; }

}  // namespace blockwatch
