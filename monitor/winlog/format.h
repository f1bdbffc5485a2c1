#pragma once
// Tells event file formats apart by their first bytes.

#include <span>

#include "monitor/event_reader.h"

namespace blockwatch {

// A few hundred bytes are enough; leading white space and a byte order mark are looked through.
// kUnsupported for exports that hold only a localised message (Splunk or Event Viewer text, CSV),
// kInvalidArgument for anything else that is neither EVTX nor XML nor JSON, empty input included.
Result<EventFormat> sniff_format(std::span<const char> first_bytes);

}  // namespace blockwatch
