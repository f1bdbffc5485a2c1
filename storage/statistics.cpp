// Counts: by shape from the hourly table, of everything else from the lists of the runs.

#include <algorithm>

#include "storage/row_internal.h"
#include "storage/statistics_internal.h"

namespace blockwatch {
namespace {

std::int64_t hours_up(std::int64_t ticks) {
  return ticks / kTicksPerHour + (ticks % kTicksPerHour != 0 ? 1 : 0);
}

// One row far from the others costs as much as so many entries of a list.
constexpr std::uint64_t kRowsPerRead = 2000;

}  // namespace

std::string number_text(std::int64_t stored) {
  return std::to_string(static_cast<std::uint64_t>(stored));
}

HourSpan hour_span(const Filter& filter) {
  HourSpan span;
  auto add_edge = [&](std::int64_t from, std::int64_t to) {
    if (from >= to) return;
    span.edges.push_back(filter);
    span.edges.back().since = Timestamp{from};
    span.edges.back().until = Timestamp{to};
  };
  std::int64_t since = filter.since ? std::max(filter.since->ticks, kMinTimestamp.ticks) : 0;
  std::int64_t until = filter.until ? std::clamp(filter.until->ticks, since, kMaxTimestamp.ticks)
                                    : kMaxTimestamp.ticks;
  since = std::min(since, kMaxTimestamp.ticks);
  span.first_hour = hours_up(since);
  span.end_hour = until / kTicksPerHour;
  if (span.first_hour >= span.end_hour) {
    span.first_hour = span.end_hour = 0;
    add_edge(since, until);
    return span;
  }
  add_edge(since, span.first_hour * kTicksPerHour);
  add_edge(span.end_hour * kTicksPerHour, until);
  return span;
}

bool are_few(std::uint64_t matches, const Run& run) { return matches * kRowsPerRead < run.rows(); }

void StoreReader::Impl::for_each_match(const IndexFilter& filter, SeqBounds seqs,
                                       const std::function<void(const Run&, RunFilter&)>& run_visit,
                                       const std::function<void(const IndexRow&)>& row_visit) {
  if (filter.nothing) return;
  for (const Run& run : runs_.runs()) {
    if (run.max_time < filter.first_time || run.min_time >= filter.end_time ||
        run.first_seq > seqs.last || run.last_seq < seqs.first) {
      continue;
    }
    RunFilter run_filter(runs_, run, filter, seqs);
    if (!run_filter.span().empty()) run_visit(run, run_filter);
  }
  for (const IndexRow& row : tail_) {
    if (row.seq >= seqs.first && row.seq <= seqs.last && filter.holds(row)) row_visit(row);
  }
}

void StoreReader::Impl::rows_of(const Run& run, const PositionSet& positions,
                                const std::function<void(std::uint32_t, const IndexRow&)>& visit) {
  auto rows = finder_.search(false);
  for (auto p = positions.at_or_above(positions.span().first); p;
       p = positions.at_or_above(*p + 1)) {
    ++rows_read_;
    visit(*p, index_row_at(rows.find(runs_.seq_at(run, *p))));
  }
}

PositionSet StoreReader::Impl::matches_of(const Run& run, RunFilter& filter) {
  auto [positions, sure] = filter.matches(filter.span());
  if (sure) return std::move(positions);
  PositionSet matching = positions;
  rows_of(run, positions, [&](std::uint32_t position, const IndexRow& row) {
    if (!filter.filter().holds(row)) matching.remove(position);
  });
  return matching;
}

std::uint64_t StoreReader::Impl::count_rows(const Filter& asked, std::uint64_t snapshot_seq) {
  const IndexFilter& filter = use_filter(asked);
  std::uint64_t total = 0;
  for_each_match(
      filter, seq_bounds(snapshot_seq),
      [&](const Run& run, RunFilter& matches) {
        auto count = matches.count();
        total += count ? *count : matches_of(run, matches).count();
      },
      [&](const IndexRow&) { ++total; });
  return total;
}

std::uint64_t StoreReader::Impl::count(const Filter& filter, std::uint64_t snapshot_seq) {
  if (!hours_tell(filter, seq_bounds(snapshot_seq))) return count_rows(filter, snapshot_seq);
  std::uint64_t total = 0;
  HourSpan span = hour_span(filter);
  for_each_hour_shape(span, [&](std::int64_t, std::uint32_t, std::uint64_t n) { total += n; });
  for (const Filter& edge : span.edges) total += count_rows(edge, snapshot_seq);
  return total;
}

bool StoreReader::Impl::hours_tell(const Filter& filter, SeqBounds seqs) {
  const IndexFilter& compiled = use_filter(filter);
  SeqBounds all = all_seqs();
  return compiled.by_shape_only && !compiled.nothing && seqs.first == all.first &&
         seqs.last >= all.last;
}

void StoreReader::Impl::for_each_hour_shape(const HourSpan& span, const HourShapeVisitor& visit) {
  if (span.first_hour == span.end_hour) return;
  auto rows = connection_.use("SELECT hour, shape, n FROM hour_shape WHERE hour >= ? AND hour < ?");
  rows->bind(1, span.first_hour);
  rows->bind(2, span.end_hour);
  while (rows->step()) {
    std::int64_t shape = rows->integer(1);
    if (!filter_.may_have(shape)) continue;
    visit(rows->integer(0), static_cast<std::uint32_t>(shape),
          static_cast<std::uint64_t>(rows->integer(2)));
  }
}

}  // namespace blockwatch
