#include <io.h>
#include <stdio.h>

#include "server/terminal.h"

namespace blockwatch {

bool stdout_is_terminal() { return _isatty(_fileno(stdout)) != 0; }
bool stderr_is_terminal() { return _isatty(_fileno(stderr)) != 0; }

}  // namespace blockwatch
