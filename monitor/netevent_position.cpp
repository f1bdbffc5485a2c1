#include "monitor/netevent_position.h"

#include <algorithm>

#include "monitor/position_text.h"

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
  PositionText rest(text);
  NetEventPosition position;
  if (!rest.take_version('1') || !rest.take(position.listened.ticks) ||
      !rest.take(position.newest.ticks) || !rest.take(position.ignored)) {
    return std::nullopt;
  }
  while (!rest.at_end()) {
    std::uint64_t fingerprint = 0;
    if (position.read.size() == NetEventPosition::kMostKept || !rest.take(fingerprint)) {
      return std::nullopt;
    }
    position.read.push_back(fingerprint);
  }
  return position;
}

}  // namespace blockwatch
