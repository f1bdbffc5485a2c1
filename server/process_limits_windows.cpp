#include "server/process_limits.h"

namespace blockwatch {

// Sockets and files are handles here, and there are millions of them.
void raise_open_file_limit() {}

// The heap does so by itself.
void keep_freed_memory() {}

}  // namespace blockwatch
