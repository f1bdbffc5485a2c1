#include "server/open_files.h"

namespace blockwatch {

// Sockets and files are handles here, and there are millions of them.
void raise_open_file_limit() {}

}  // namespace blockwatch
