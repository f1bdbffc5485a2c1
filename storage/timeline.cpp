// Counts by time.

#include <algorithm>
#include <iterator>

#include "storage/answer_memo_internal.h"
#include "storage/row_internal.h"
#include "storage/statistics_internal.h"
#include "storage/words.h"

namespace blockwatch {
namespace {

constexpr std::int64_t kMinBucket = 60 * Timestamp::kTicksPerSecond;
constexpr std::int64_t kMaxBucket = 24 * kTicksPerHour;
constexpr std::int64_t kTimelineKinds = 4;  // of TimelineBy

// Adds to the counts, bucket after bucket; more buckets than an answer may have are left out.
class BucketAdder {
 public:
  explicit BucketAdder(BucketCounts& counts) : buckets_(counts.buckets) {}

  void add(std::int64_t bucket, std::uint32_t value, std::uint64_t n) {
    if (n == 0) return;
    if (last_ == nullptr || last_->first != bucket) {
      if (!fits()) return;
      last_ = &*buckets_.try_emplace(bucket).first;
    }
    last_->second[value] += n;
  }
  bool fits() const { return buckets_.size() <= kMaxTimelinePoints; }

 private:
  decltype(BucketCounts::buckets)& buckets_;
  decltype(BucketCounts::buckets)::value_type* last_ = nullptr;
};

// The number of an event's value, as BucketCounts keeps it.
std::uint32_t value_number(TimelineBy by, const Event& event) {
  switch (by) {
    case TimelineBy::kAction:
      return static_cast<std::uint32_t>(action_of(event.event_id));
    case TimelineBy::kDirection:
      return event.direction ? 1 + static_cast<std::uint32_t>(*event.direction) : 0;
    case TimelineBy::kEventId:
      return event.event_id;
    default:
      return 0;
  }
}

std::optional<std::string> value_text(TimelineBy by, std::uint32_t number) {
  switch (by) {
    case TimelineBy::kAction:
      return std::string(to_word(static_cast<Action>(number)));
    case TimelineBy::kDirection:
      if (number == 0) return std::nullopt;
      return std::string(to_word(static_cast<Direction>(number - 1)));
    case TimelineBy::kEventId:
      return std::to_string(number);
    default:
      return std::nullopt;
  }
}

// Calls visit(bucket, count) for the buckets that hold positions of the set.
template <class Visit>
void for_each_bucket(const std::vector<RunIndex::BucketStart>& starts, const PositionSet& set,
                     const Visit& visit) {
  for (std::size_t i = 0; i < starts.size(); ++i) {
    std::uint32_t end = i + 1 < starts.size() ? starts[i + 1].first : set.span().end;
    std::uint64_t n = set.count(PositionSpan{starts[i].first, end});
    if (n != 0) visit(starts[i].bucket, n);
  }
}

}  // namespace

void StoreReader::Impl::count_buckets(const Filter& asked, SeqBounds seqs,
                                      const TimelineQuery& query, BucketCounts& counts) {
  BucketAdder buckets(counts);
  auto value_of = [&](std::int64_t shape) {
    if (query.by == TimelineBy::kNothing) return std::uint32_t{0};
    return value_number(query.by, dictionary_.shape(shape).event);
  };
  auto add_row = [&](const IndexRow& row) {
    buckets.add(row.time / query.bucket_ticks, value_of(row.number(IndexField::kShape)), 1);
  };
  auto count_run = [&](const Run& run, RunFilter& filter) {
    if (!buckets.fits()) return;
    PositionSet matching = matches_of(run, filter);
    if (are_few(matching.count(), run)) {
      rows_of(run, matching, [&](std::uint32_t, const IndexRow& row) { add_row(row); });
      return;
    }
    PositionSpan span = filter.span();
    auto starts = runs_.buckets(run, span, filter.filter().first_time, filter.filter().end_time,
                                query.bucket_ticks);
    auto add = [&](std::uint32_t value, const PositionSet& set) {
      for_each_bucket(starts, set,
                      [&](std::int64_t bucket, std::uint64_t n) { buckets.add(bucket, value, n); });
    };
    struct Rows {
      std::uint64_t count = 0;  // in the run
      std::vector<std::int64_t> shapes;
    };
    std::map<std::uint32_t, Rows> values;
    for_each_count_between<std::int64_t>(runs_, run, IndexField::kShape, INT64_MIN, INT64_MAX,
                                         [&](std::int64_t shape, std::uint64_t n) {
                                           if (!filter.filter().may_have(shape)) return true;
                                           Rows& rows = values[value_of(shape)];
                                           rows.count += n;
                                           rows.shapes.push_back(shape);
                                           return true;
                                         });
    // Every row has a shape: what the others leave is of the most frequent value, whose lists are
    // not read.
    const auto most = std::max_element(
        values.begin(), values.end(),
        [](const auto& x, const auto& y) { return x.second.count < y.second.count; });
    PositionSet left = matching;
    for (auto value = values.begin(); value != values.end(); ++value) {
      if (value == most) continue;
      PositionSet found(span, false);
      for (std::int64_t shape : value->second.shapes) {
        for_each_position(runs_, run, IndexField::kShape, shape, span, [&](std::uint32_t position) {
          if (matching.contains(position)) found.add(position);
        });
      }
      add(value->first, found);
      found.invert();
      left.intersect(found);
    }
    if (most != values.end()) add(most->first, left);
  };
  for_each_match(use_filter(asked), seqs, count_run, add_row);
}

Result<Timeline> StoreReader::Impl::timeline(const TimelineQuery& query) {
  if (query.bucket_ticks < kMinBucket || query.bucket_ticks > kMaxBucket) {
    return make_error(ErrorCode::kInvalidArgument, "a bucket must be one minute to one day");
  }
  const bool whole_hours = query.bucket_ticks % kTicksPerHour == 0;
  const auto counted = up_to_date(
      memo_->buckets, query.filter,
      query.bucket_ticks * kTimelineKinds + static_cast<std::int64_t>(query.by),
      [&](SeqBounds seqs, BucketCounts& counts) {
        if (!whole_hours || !hours_tell(query.filter, seqs)) {
          return count_buckets(query.filter, seqs, query, counts);
        }
        BucketAdder buckets(counts);
        HourSpan span = hour_span(query.filter);
        for_each_hour_shape(span, [&](std::int64_t hour, std::uint32_t shape, std::uint64_t n) {
          buckets.add(hour * kTicksPerHour / query.bucket_ticks,
                      value_number(query.by, dictionary_.shape(shape).event), n);
        });
        for (const Filter& edge : span.edges) count_buckets(edge, seqs, query, counts);
      });
  if (counted->counts.buckets.size() > kMaxTimelinePoints) {
    return make_error(ErrorCode::kInvalidArgument,
                      "the timeline would have more than " + std::to_string(kMaxTimelinePoints) +
                          " points; ask for larger buckets or a shorter time");
  }

  Timeline timeline;
  timeline.reserve(counted->counts.buckets.size());
  for (const auto& [bucket, values] : counted->counts.buckets) {
    TimelinePoint point{Timestamp{bucket * query.bucket_ticks}, {}};
    for (const auto& [value, n] : values) point.counts.push_back({value_text(query.by, value), n});
    std::sort(point.counts.begin(), point.counts.end(),
              [](const ValueCount& x, const ValueCount& y) { return x.value < y.value; });
    timeline.push_back(std::move(point));
  }
  return timeline;
}

}  // namespace blockwatch
