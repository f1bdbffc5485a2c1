#pragma once
// Each connection, stream and reader of the store is an open file.

namespace blockwatch {

// Raises what this process may open to what the system allows it, where there are two limits.
void raise_open_file_limit();

}  // namespace blockwatch
