#pragma once
// The questions of the benchmark: filters whose values are drawn as the traffic draws them, and
// the time of every kind of question over many of them.

#include <cstdint>
#include <string>

#include "storage/event_store.h"
#include "tests/bench/measure.h"

namespace blockwatch::bench {

struct QueryOptions {
  std::size_t runs = 500;     // of each kind of question, each with another value
  double seconds_a_kind = 3;  // a slow kind is asked less often
  std::string only;           // the kinds whose names begin so
  bool cpu_time = false;      // of the processor, not of the clock: for a busy machine
};

// `path`: of the reader's store; `samples`: some of its events. Every question keeps the store's
// default deadline; those that it refuses are counted. At last it adds rows to the store.
void time_queries(StoreReader& reader, const std::string& path, const std::vector<Event>& samples,
                  const QueryOptions& options, const Lines& lines);

}  // namespace blockwatch::bench
