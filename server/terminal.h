#pragma once
// Whether a person is looking.

namespace blockwatch {

bool stdout_is_terminal();
bool stderr_is_terminal();

}  // namespace blockwatch
