#pragma once
// What must hold for any input of a text reader. Private to the fuzz targets beside it.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "monitor/winlog/text_reader.h"
#include "monitor/winlog/text_record.h"

namespace blockwatch::winlog {

struct FuzzCounts {
  bool ok = false;
  std::uint64_t records = 0, wanted = 0, damaged = 0, events = 0;
  friend bool operator==(const FuzzCounts&, const FuzzCounts&) = default;
};

template <class Read>
FuzzCounts fuzz_read(Read read, std::string_view text, std::size_t piece) {
  const auto require = [](bool holds) {
    if (!holds) std::abort();
  };
  std::size_t at = 0;
  const ReadFn input = [&](std::span<char> buffer) -> Result<std::size_t> {
    const std::size_t n = std::min({piece, buffer.size(), text.size() - at});
    if (n > 0) std::memcpy(buffer.data(), text.data() + at, n);
    at += n;
    return n;
  };
  ReadOptions options;
  options.source = "fuzz";
  options.record = kAllActions;
  FileReport report;
  FuzzCounts counts;
  const EmitFn emit = [&](EventList&& list) {
    counts.events += list.events.size();
    for (const Event& event : list.events) {
      require(is_event_id(event.event_id) && is_plausible(event.time));
      require(is_utf8(event.host) && is_utf8(event.application));
      for (const RawField& field : event.raw) require(is_utf8(field.name) && is_utf8(field.value));
    }
    return true;
  };
  counts.ok = read(input, options, emit, report).has_value();
  for (const Damage& damage : report.damage) {
    require(damage.offset <= text.size() && !damage.what.empty());
  }
  counts.records = report.records;
  counts.wanted = report.wanted;
  counts.damaged = report.damaged;
  require(counts.events == counts.wanted && counts.wanted <= counts.records);
  return counts;
}

// The pieces in which the text comes must make no difference.
template <class Read>
void fuzz_text(Read read, const std::uint8_t* data, std::size_t size) {
  if (size == 0) return;
  const std::size_t piece = 1 + data[0] % 16;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (!(fuzz_read(read, text, 1 << 20) == fuzz_read(read, text, piece))) std::abort();
}

}  // namespace blockwatch::winlog
