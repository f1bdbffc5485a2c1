#pragma once
// netevent - the drops that the Windows Filtering Platform tells without any audit policy. Every
// decision is made here; the system behind NetEventApi makes none.

#include <chrono>
#include <cstddef>
#include <memory>

#include "monitor/event_source.h"
#include "monitor/name_resolver.h"
#include "monitor/netevent_api.h"
#include "storage/words.h"

namespace blockwatch {

struct NetEventOptions {
  ActionSet record = kBlocksAndDrops;
  // Events that wait between the engine and the store; further ones are lost, and counted.
  std::size_t queue = 16'384;
  // How often the engine is asked whether it still lives.
  std::chrono::milliseconds look_interval{5'000};
  // How often the position is stored though nothing happens, so that a crash loses no more track.
  std::chrono::milliseconds position_interval{60'000};
};

// `names` completes the events; may be null.
std::unique_ptr<EventSource> make_netevent_source(std::unique_ptr<NetEventApi> api,
                                                  const NetEventOptions& options,
                                                  std::unique_ptr<NameResolver> names = nullptr);

}  // namespace blockwatch
