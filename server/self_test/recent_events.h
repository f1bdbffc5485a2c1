#pragma once
// The last events of the Security log that are about blocks, as the self-test looks at them.

#include <cstdint>
#include <map>
#include <string>
#include <tuple>

#include "monitor/eventlog_api.h"
#include "monitor/name_resolver.h"
#include "storage/event.h"

namespace blockwatch {

struct RecentEvents {
  // So often: event id, version, number of fields.
  std::map<std::tuple<std::uint16_t, std::uint8_t, std::size_t>, std::uint64_t> shapes;
  EventList list;  // the last ones, oldest first, with raw values; not yet named
  std::uint64_t unreadable = 0;
};

// Looks at the newest `records` records of any kind and keeps at most `most` of the events.
LogResult<RecentEvents> read_recent_events(EventLogApi& log, std::uint64_t records,
                                           std::size_t most);

// Waits for a blocked connection to this port of 127.0.0.1 among what is written after `after`.
// Nothing: it did not come in that time.
LogResult<std::optional<EventList>> wait_for_block(LogSubscription& log, std::uint16_t port,
                                                   std::chrono::milliseconds time);

// A subscription to what comes after this record; none: to all there is.
LogResult<std::unique_ptr<LogSubscription>> subscribe_after(EventLogApi& log,
                                                            std::optional<std::uint64_t> record);

}  // namespace blockwatch
