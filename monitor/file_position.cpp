#include "monitor/file_position.h"

#include <charconv>
#include <string_view>

namespace blockwatch {
namespace {

constexpr std::string_view kVersion = "1 ";

template <class Number>
bool take_number(std::string_view& text, Number& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end == text.data() + text.size() || *end != ' ') return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()) + 1);
  return true;
}

}  // namespace

std::string to_text(const FilePosition& position) {
  return std::string(kVersion) + std::to_string(position.record_id) + ' ' +
         std::to_string(position.state.size) + ' ' + std::to_string(position.state.modified_ticks) +
         ' ' + position.path;
}

std::optional<FilePosition> parse_file_position(const std::string& text) {
  std::string_view rest = text;
  FilePosition position;
  if (!rest.starts_with(kVersion)) return std::nullopt;
  rest.remove_prefix(kVersion.size());
  if (!take_number(rest, position.record_id) || !take_number(rest, position.state.size) ||
      !take_number(rest, position.state.modified_ticks)) {
    return std::nullopt;
  }
  position.path = rest;
  return position;
}

}  // namespace blockwatch
