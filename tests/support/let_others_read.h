#pragma once
// A file whose rights are too wide.

#include <filesystem>

namespace blockwatch {

void let_others_read(const std::filesystem::path& path);

}  // namespace blockwatch
