#pragma once
// What the process asks of the system for itself, before it serves.

namespace blockwatch {

// Each connection, stream and reader of the store is an open file. Raises what this process may
// open to what the system allows it, where there are two limits.
void raise_open_file_limit();

// Lets the allocator keep what a request has freed for the next one: to give it back to the system
// and to get it again, page by page, would take a third of the time of a page of events.
void keep_freed_memory();

}  // namespace blockwatch
