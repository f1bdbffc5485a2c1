#pragma once
// What a record tells about a filter of its host.

#include <cstddef>
#include <optional>
#include <string_view>

#include "monitor/evtx/chunk.h"
#include "monitor/evtx/record_reader.h"
#include "monitor/winlog/filter_history.h"
#include "storage/text_arena.h"

namespace blockwatch::evtx {

// Seen before the event at `before`.
struct FilterEvidence {
  std::size_t before = 0;
  std::string_view host;
  winlog::FilterChange change;
};

// From the record that was read last, which has one of the ids that tell of filters; its texts are
// copied to `text`. nullopt when it cannot be placed.
std::optional<FilterEvidence> filter_evidence(const RecordReader& record, Timestamp header_time,
                                              std::size_t before, TextArena& text);

}  // namespace blockwatch::evtx
