#include <algorithm>

#include "storage/row_internal.h"
#include "storage/store_internal.h"

namespace blockwatch {
namespace {

// Each a few milliseconds of work.
constexpr std::uint64_t kSweptBlocks = 1'000;
constexpr std::int64_t kShrunkPages = 256;
// Free pages up to this part of the file are left for new rows.
constexpr std::int64_t kFreeShare = 10;
constexpr std::int64_t kIncremental = 2;

}  // namespace

std::uint64_t Store::Impl::delete_oldest(std::uint64_t max_rows, Timestamp horizon) {
  SqlTransaction transaction(connection_, SqlTransaction::Kind::kWrite);
  StoreState state = read_state(connection_);
  std::uint64_t first = state.deleted_through + 1;
  if (max_rows == 0 || first > state.newest_seq) return 0;
  std::uint64_t last = std::min(state.newest_seq, state.deleted_through + max_rows);
  {
    // The first commit that is young enough ends it; only commits of this slice are looked at.
    auto young = connection_.use(
        "SELECT first_seq FROM batch WHERE first_seq >= ifnull((SELECT max(first_seq) FROM batch "
        "WHERE first_seq <= ?1), 0) AND first_seq <= ?2 AND received_time >= ?3 "
        "ORDER BY first_seq LIMIT 1");
    young->bind(1, static_cast<std::int64_t>(first));
    young->bind(2, static_cast<std::int64_t>(last));
    young->bind(3, horizon.ticks);
    if (young->step()) last = static_cast<std::uint64_t>(young->integer(0)) - 1;
  }
  if (last < first) return 0;

  std::uint64_t deleted = 0;
  TimeSpan times;
  RollupDelta delta;
  {
    auto rows = connection_.use("SELECT shape, time FROM event WHERE seq BETWEEN ? AND ?");
    rows->bind(1, static_cast<std::int64_t>(first));
    rows->bind(2, static_cast<std::int64_t>(last));
    for (; rows->step(); ++deleted) {
      times.add(Timestamp{rows->integer(1)});
      delta.add(static_cast<std::uint32_t>(rows->integer(0)), rows->integer(1) / kTicksPerHour, -1);
    }
  }
  auto remove = connection_.use("DELETE FROM event WHERE seq BETWEEN ? AND ?");
  remove->bind(1, static_cast<std::int64_t>(first));
  remove->bind(2, static_cast<std::int64_t>(last));
  remove->run();
  delta.flush(connection_);
  // A run counts no more when its last row has gone; until then readers skip what is deleted. Its
  // lists may be many: they go bit by bit afterwards.
  learn(state);
  std::uint64_t indexed = runs_.indexed_seq();
  if (!runs_.runs().empty() && runs_.runs().front().last_seq <= last) ++state.run_change;
  if (deleted > 0) note_deleted(connection_, times, deleted);
  delete_coverage(connection_, last);
  // The commit that holds the next event is still needed for its time.
  auto forget_commits = connection_.use(
      "DELETE FROM batch WHERE first_seq < (SELECT max(first_seq) FROM batch WHERE first_seq <= "
      "?)");
  forget_commits->bind(1, static_cast<std::int64_t>(last + 1));
  forget_commits->run();
  state.deleted_through = last;
  state.rows -= deleted;
  write_state(connection_, state);
  transaction.commit();
  runs_.refresh(state.run_change, state.newest_seq);
  if (last > indexed) {
    ticks_.reset();  // pending rows are gone
  } else {
    ticks_->forget_runs();
  }
  return deleted;
}

bool Store::Impl::clean_up(bool shrink_too) {
  bool more = false;
  {
    SqlTransaction transaction(connection_, SqlTransaction::Kind::kWrite);
    more = run_writer_.sweep(kSweptBlocks);
    bound_coverage(connection_);
    transaction.commit();
  }
  return more || (shrink_too && shrink());
}

bool Store::Impl::shrink() {
  const std::int64_t free = connection_.query_integer("PRAGMA freelist_count");
  const std::int64_t pages = connection_.query_integer("PRAGMA page_count");
  const bool can = connection_.query_integer("PRAGMA auto_vacuum") == kIncremental;
  if (can && free * kFreeShare > pages) {
    connection_.execute("PRAGMA incremental_vacuum(" + std::to_string(kShrunkPages) + ")");
    shrunk_ = true;
    return true;
  }
  // Only a checkpoint cuts the file, and only when all of the log is moved.
  if (shrunk_) shrunk_ = !checkpoint();
  return false;
}

}  // namespace blockwatch
