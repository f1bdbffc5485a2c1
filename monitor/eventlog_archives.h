#pragma once
// The files that Windows puts beside the live log when it archives a full one ("AutoBackup").

#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "monitor/event_source.h"
#include "storage/words.h"

namespace blockwatch {

// Both ends inclusive.
struct RecordRange {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
};

// Reads every Archive-Security-*.evtx in the folder that was not read before, each under its own
// source ("evtx:NAME") and with its own position. The records of all that are read to their end
// without damage, now or earlier, in order of name, which is that of time. What cannot be read is
// told in `report` and tried again at the next call.
std::vector<RecordRange> read_archives(const std::string& folder, ActionSet record,
                                       const PositionFn& position_of, const BatchFn& emit,
                                       SourceReport& report, std::stop_token stop);

}  // namespace blockwatch
