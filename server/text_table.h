#pragma once
// Columns for a terminal.

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace blockwatch {

// Collects rows and prints them with columns as wide as their widest cell (UTF-8 code points).
// Control characters in cells are shown as '?': event text comes from others.
class TextTable {
 public:
  enum class Align : unsigned char { kLeft, kRight };

  explicit TextTable(const std::vector<std::pair<std::string, Align>>& columns);

  void add(std::vector<std::string> cells);  // one per column
  std::string text() const;                  // ends with a line feed

 private:
  std::vector<Align> align_;
  std::vector<std::vector<std::string>> rows_;  // the first one holds the titles
};

}  // namespace blockwatch
