#pragma once
// What standard output and error are connected to.

namespace blockwatch {

// At the start of main: output is bytes of UTF-8, also in a Windows console and behind its pipes.
void prepare_output();

// Whether a person is looking.
bool stdout_is_terminal();
bool stderr_is_terminal();

}  // namespace blockwatch
