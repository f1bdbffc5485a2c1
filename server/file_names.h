#pragma once
// The files that a user's words on the command line mean.

#include <string>
#include <vector>

namespace blockwatch {

// In place of a word whose last part has * or ? the files it stands for, in order of name; a word
// that stands for none stays. Only on Windows: other systems' shells have done it before.
std::vector<std::string> expand_file_names(std::vector<std::string> words);

}  // namespace blockwatch
