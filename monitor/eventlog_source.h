#pragma once
// windows - follow the Security log of the running Windows. Every decision is made here; the system
// behind EventLogApi makes none.

#include <chrono>
#include <cstdint>
#include <memory>

#include "monitor/event_source.h"
#include "monitor/eventlog_api.h"
#include "monitor/name_resolver.h"
#include "storage/words.h"

namespace blockwatch {

struct EventLogOptions {
  ActionSet record = kBlocksAndDrops;
  // Events taken at once. Windows answers with at most 2 MB and gains nothing above a hundred.
  std::uint32_t batch = 100;
  // Without a signal the log is asked all the same this often: a signal can get lost with the
  // service.
  std::chrono::milliseconds look_interval{5'000};
  // A subscription that gave nothing for so long while the log grew is opened anew, which proves
  // that there was nothing to give.
  std::chrono::milliseconds silence{300'000};
};

// `names` completes the events of the log, but not those of its archives; may be null.
std::unique_ptr<EventSource> make_eventlog_source(std::unique_ptr<EventLogApi> api,
                                                  const EventLogOptions& options,
                                                  std::unique_ptr<NameResolver> names = nullptr);

}  // namespace blockwatch
