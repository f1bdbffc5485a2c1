#pragma once
// File names are UTF-8 in this program; the system's own form of them is std::filesystem::path.

#include <filesystem>
#include <string>
#include <string_view>

namespace blockwatch {

inline std::filesystem::path to_path(std::string_view utf8) {
  return {std::u8string(utf8.begin(), utf8.end())};
}

inline std::string to_utf8(const std::filesystem::path& path) {
  const std::u8string text = path.u8string();
  return {text.begin(), text.end()};
}

}  // namespace blockwatch
