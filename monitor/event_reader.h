#pragma once
// Reading stored event records, whatever their format: bytes in, batches of events out.

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>

#include "monitor/file_report.h"
#include "storage/event.h"
#include "storage/result.h"
#include "storage/words.h"

namespace blockwatch {

class NameResolver;

// Takes a batch in file order; may block (back-pressure). False: stop reading.
using EmitFn = std::function<bool(EventList&&)>;

struct ReadOptions {
  std::string source;                  // becomes each event's `source`
  ActionSet record = kBlocksAndDrops;  // which actions are wanted
  unsigned threads = 2;                // decoding threads at most (EVTX)
  bool live = false;                   // text: emit what there is before waiting for more input
  std::uint64_t after_record_id = 0;   // EVTX: skip records up to this id (following a log)
  // Called now and then with the report so far, on the thread that called read; may be empty.
  std::function<void(const FileReport&)> progress;
  std::stop_token stop;
  NameResolver* names = nullptr;  // of the host that writes the records (text); outlives the reader
};

inline constexpr std::size_t kMaxBatchEvents = 8192;

enum class EventFormat : std::uint8_t { kEvtx, kXml, kJson };

}  // namespace blockwatch
