#include "monitor/netevent_position.h"

#include <algorithm>
#include <charconv>
#include <string_view>

namespace blockwatch {

bool NetEventPosition::has_read(Timestamp time, std::uint64_t fingerprint) const {
  return time.ticks < newest.ticks - kDisorder ||
         std::ranges::find(read, fingerprint) != read.end();
}

void NetEventPosition::add(Timestamp time, std::uint64_t fingerprint) {
  newest = std::max(newest, time);
  read.push_back(fingerprint);
  if (read.size() > kMostKept) read.pop_front();
}

std::string to_text(const NetEventPosition& position) {
  std::string text = "1 " + std::to_string(position.listened.ticks) + ' ' +
                     std::to_string(position.newest.ticks) + ' ' + std::to_string(position.ignored);
  for (const std::uint64_t fingerprint : position.read) text += ' ' + std::to_string(fingerprint);
  return text;
}

std::optional<NetEventPosition> parse_netevent_position(const std::string& text) {
  std::string_view rest = text;
  const auto take = [&rest](auto& value) {
    if (!rest.starts_with(' ')) return false;
    const auto [end, error] = std::from_chars(rest.data() + 1, rest.data() + rest.size(), value);
    if (error != std::errc{}) return false;
    rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
    return true;
  };
  NetEventPosition position;
  if (!rest.starts_with('1')) return std::nullopt;
  rest.remove_prefix(1);
  if (!take(position.listened.ticks) || !take(position.newest.ticks) || !take(position.ignored)) {
    return std::nullopt;
  }
  while (!rest.empty()) {
    std::uint64_t fingerprint = 0;
    if (position.read.size() == NetEventPosition::kMostKept || !take(fingerprint)) {
      return std::nullopt;
    }
    position.read.push_back(fingerprint);
  }
  return position;
}

}  // namespace blockwatch
