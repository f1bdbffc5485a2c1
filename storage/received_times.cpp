#include "storage/received_times_internal.h"

#include <algorithm>
#include <iterator>

namespace blockwatch {

Timestamp ReceivedTimes::of(std::uint64_t seq) {
  auto after = std::upper_bound(known_.begin(), known_.end(), seq,
                                [](std::uint64_t s, const Commit& c) { return s < c.first; });
  if (after != known_.begin() && seq <= std::prev(after)->last) return std::prev(after)->received;
  auto row = connection_.use(
      "SELECT first_seq, received_time FROM batch WHERE first_seq <= ? ORDER BY first_seq DESC "
      "LIMIT 1");
  row->bind(1, static_cast<std::int64_t>(seq));
  if (!row->step()) throw SQLite::Exception("an event belongs to no commit", SQLITE_CORRUPT);
  Commit found{static_cast<std::uint64_t>(row->integer(0)), seq, Timestamp{row->integer(1)}};
  if (after != known_.begin() && std::prev(after)->first == found.first) {
    std::prev(after)->last = seq;
  } else {
    if (known_.size() == kMaxKnown) {
      known_.clear();
      after = known_.end();
    }
    known_.insert(after, found);
  }
  return found.received;
}

}  // namespace blockwatch
