#pragma once
// The position text of the live event log: how far it was read, and of which file.

#include <cstdint>
#include <optional>
#include <string>

#include "storage/timestamp.h"

namespace blockwatch {

struct EventLogPosition {
  std::uint64_t record_id = 0;  // the last one taken; 0: none yet
  // Up to here every record has been looked at, also those that were not asked for.
  std::uint64_t looked_through = 0;
  Timestamp looked_time;      // when that was
  std::uint64_t created = 0;  // LogInfo::created
  friend bool operator==(const EventLogPosition&, const EventLogPosition&) = default;
};

// "1 record_id looked_through looked_time created".
std::string to_text(const EventLogPosition& position);
std::optional<EventLogPosition> parse_eventlog_position(const std::string& text);

}  // namespace blockwatch
