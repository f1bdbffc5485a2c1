#include <unistd.h>

#include "server/terminal.h"

namespace blockwatch {

void prepare_output() {}

bool stdout_is_terminal() { return ::isatty(STDOUT_FILENO) != 0; }
bool stderr_is_terminal() { return ::isatty(STDERR_FILENO) != 0; }

}  // namespace blockwatch
