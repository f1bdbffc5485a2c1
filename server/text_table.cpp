#include "server/text_table.h"

#include <algorithm>

namespace blockwatch {
namespace {

// Bytes that start a character.
std::size_t width_of(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U;
  }));
}

}  // namespace

TextTable::TextTable(const std::vector<std::pair<std::string, Align>>& columns) {
  std::vector<std::string> titles;
  for (const auto& [title, align] : columns) {
    titles.push_back(title);
    align_.push_back(align);
  }
  rows_.push_back(std::move(titles));
}

void TextTable::add(std::vector<std::string> cells) {
  for (std::string& cell : cells) {
    std::replace_if(
        cell.begin(), cell.end(),
        [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
  }
  rows_.push_back(std::move(cells));
}

std::string TextTable::text() const {
  std::vector<std::size_t> widths(align_.size(), 0);
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < widths.size(); ++i)
      widths[i] = std::max(widths[i], width_of(row[i]));
  }
  std::string out;
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < widths.size(); ++i) {
      const std::string pad(widths[i] - width_of(row[i]), ' ');
      const bool last = i + 1 == widths.size();
      if (align_[i] == Align::kRight) out += pad;
      out += row[i];
      if (align_[i] == Align::kLeft && !last) out += pad;
      out += last ? "\n" : "  ";
    }
  }
  return out;
}

}  // namespace blockwatch
