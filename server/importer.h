#pragma once
// Reads one input into the store and reports what came of it: the command line and HTTP imports.

#include <functional>
#include <stop_token>

#include "monitor/event_file.h"
#include "server/import_jobs.h"
#include "storage/event_writer.h"
#include "storage/words.h"

namespace blockwatch {

struct ImportOptions {
  ActionSet record = kBlocksAndDrops;
  unsigned threads = 2;  // decoding threads at most
  // Called now and then on the calling thread; may be empty.
  std::function<void(const ImportReport&)> progress;
  // Told of every commit, on the writer's thread; may be empty.
  std::function<void(const AppendResult&)> committed;
  std::stop_token stop;
};

// Returns when everything that was read is committed. `report` holds what was found so far also
// when it fails; kUnavailable: stopped before the end.
Result<void> import_events(EventFile& file, EventWriter& writer, const ImportOptions& options,
                           ImportReport& report);

}  // namespace blockwatch
