#pragma once
// Rendered XML and JSON event files, in every shape of monitor/README.md.

#include <cstddef>
#include <functional>
#include <span>

#include "monitor/event_reader.h"

namespace blockwatch::winlog {

// Fills the buffer from the input; returns the bytes written, 0 at the end, or an error.
using ReadFn = std::function<Result<std::size_t>(std::span<char>)>;

// Reads the whole input as it comes, with memory bounded by the largest single record
// (kMaxRecordBytes; a longer one is damage). UTF-8, or UTF-16 with a byte order mark. A record that
// cannot be read is noted and skipped. Fails only when the input as a whole cannot be read (kIo),
// is no such format (kInvalidArgument) or carries only a localised message (kUnsupported).
// On failure, `report` tells how far it came, and what was emitted stays emitted.
Result<void> read_rendered_xml(const ReadFn& input, const ReadOptions& options, const EmitFn& emit,
                               FileReport& report);
Result<void> read_json(const ReadFn& input, const ReadOptions& options, const EmitFn& emit,
                       FileReport& report);

inline constexpr std::size_t kMaxRecordBytes = std::size_t{4} * 1024 * 1024;

}  // namespace blockwatch::winlog
