#include "monitor/eventlog_position.h"

#include <charconv>
#include <string_view>

namespace blockwatch {

std::string to_text(const EventLogPosition& position) {
  return "1 " + std::to_string(position.record_id) + ' ' + std::to_string(position.looked_through) +
         ' ' + std::to_string(position.looked_time.ticks) + ' ' + std::to_string(position.created);
}

std::optional<EventLogPosition> parse_eventlog_position(const std::string& text) {
  std::string_view rest = text;
  const auto take = [&rest](auto& value) {
    if (!rest.starts_with(' ')) return false;
    const auto [end, error] = std::from_chars(rest.data() + 1, rest.data() + rest.size(), value);
    if (error != std::errc{}) return false;
    rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
    return true;
  };
  EventLogPosition position;
  if (!rest.starts_with('1')) return std::nullopt;
  rest.remove_prefix(1);
  if (!take(position.record_id) || !take(position.looked_through) ||
      !take(position.looked_time.ticks) || !take(position.created) || !rest.empty()) {
    return std::nullopt;
  }
  return position;
}

}  // namespace blockwatch
