#include "monitor/netfilter/nflog_position.h"

#include "monitor/position_text.h"

namespace blockwatch {

std::string to_text(const NflogPosition& position) {
  return "1 " + std::to_string(position.listened.ticks) + ' ' + std::to_string(position.folded) +
         ' ' + std::to_string(position.ignored);
}

std::optional<NflogPosition> parse_nflog_position(const std::string& text) {
  PositionText rest(text);
  NflogPosition position;
  if (!rest.take_version('1') || !rest.take(position.listened.ticks) ||
      !rest.take(position.folded) || !rest.take(position.ignored) || !rest.at_end()) {
    return std::nullopt;
  }
  return position;
}

}  // namespace blockwatch
