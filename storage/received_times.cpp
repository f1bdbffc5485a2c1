#include "storage/received_times_internal.h"

#include <algorithm>
#include <iterator>

namespace blockwatch {

Timestamp ReceivedTimes::of(std::uint64_t seq) {
  if (auto after = known_.upper_bound(seq); after != known_.begin()) {
    const Commit& commit = std::prev(after)->second;
    if (seq <= commit.last) return commit.received;
  }
  auto row = connection_.use(
      "SELECT first_seq, received_time FROM batch WHERE first_seq <= ? ORDER BY first_seq DESC "
      "LIMIT 1");
  row->bind(1, static_cast<std::int64_t>(seq));
  if (!row->step()) throw SQLite::Exception("an event belongs to no commit", SQLITE_CORRUPT);
  if (known_.size() == kMaxKnown) known_.clear();
  Commit& commit = known_[static_cast<std::uint64_t>(row->integer(0))];
  commit.last = std::max(commit.last, seq);
  commit.received.ticks = row->integer(1);
  return commit.received;
}

}  // namespace blockwatch
