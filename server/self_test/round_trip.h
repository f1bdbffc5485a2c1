#pragma once
// The way of an event through this program: stored, read, streamed, in a scratch file.

#include "server/self_test/report.h"
#include "storage/event.h"

namespace blockwatch {

// Takes the events (at least one) that way. The file is in a folder of its own, which is removed.
Checks check_round_trip(const EventList& list);

// A made-up blocked connection.
EventList sample_block();

}  // namespace blockwatch
