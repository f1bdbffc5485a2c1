#include "monitor/eventlog_position.h"

#include "monitor/position_text.h"

namespace blockwatch {

std::string to_text(const EventLogPosition& position) {
  return "1 " + std::to_string(position.record_id) + ' ' + std::to_string(position.looked_through) +
         ' ' + std::to_string(position.looked_time.ticks) + ' ' + std::to_string(position.created);
}

std::optional<EventLogPosition> parse_eventlog_position(const std::string& text) {
  PositionText rest(text);
  EventLogPosition position;
  if (!rest.take_version('1') || !rest.take(position.record_id) ||
      !rest.take(position.looked_through) || !rest.take(position.looked_time.ticks) ||
      !rest.take(position.created) || !rest.at_end()) {
    return std::nullopt;
  }
  return position;
}

}  // namespace blockwatch
