// Counts by time.

#include <map>

#include "storage/row_internal.h"
#include "storage/statistics_internal.h"
#include "storage/words.h"

namespace blockwatch {
namespace {

constexpr std::int64_t kMinBucket = 60 * Timestamp::kTicksPerSecond;
constexpr std::int64_t kMaxBucket = 24 * kTicksPerHour;

// By bucket, then by shape (0 when the shape does not matter).
class Buckets {
 public:
  Buckets(std::int64_t ticks, bool by_shape) : ticks_(ticks), by_shape_(by_shape) {}

  void add(std::int64_t time, std::uint32_t shape, std::uint64_t n) {
    std::int64_t bucket = time / ticks_;
    if (last_ == nullptr || last_->first != bucket) {
      if (!fits()) return;
      last_ = &*buckets_.try_emplace(bucket).first;
    }
    last_->second[by_shape_ ? shape : 0] += n;
  }
  bool fits() const { return buckets_.size() <= kMaxTimelinePoints; }
  bool by_shape() const { return by_shape_; }
  const auto& all() const { return buckets_; }

 private:
  using Counts = std::map<std::uint32_t, std::uint64_t>;
  std::int64_t ticks_;
  bool by_shape_;
  std::map<std::int64_t, Counts> buckets_;
  std::map<std::int64_t, Counts>::value_type* last_ = nullptr;
};

std::optional<std::string> value_of(TimelineBy by, const Event& event) {
  if (by == TimelineBy::kAction) return std::string(to_word(action_of(event.event_id)));
  return shape_value(by == TimelineBy::kDirection ? TopField::kDirection : TopField::kEventId,
                     event);
}

}  // namespace

Result<Timeline> StoreReader::Impl::timeline(const TimelineQuery& query) {
  if (query.bucket_ticks < kMinBucket || query.bucket_ticks > kMaxBucket) {
    return make_error(ErrorCode::kInvalidArgument, "a bucket must be one minute to one day");
  }
  Buckets buckets(query.bucket_ticks, query.by != TimelineBy::kNothing);
  auto add_row = [&](const IndexRow& row) {
    buckets.add(row.time, static_cast<std::uint32_t>(row.number(IndexField::kShape)), 1);
  };
  auto count_run = [&](const Run& run, RunFilter& filter, std::int64_t first_time) {
    if (!buckets.fits()) return;
    PositionSet matching = filter.matches(filter.span());
    if (are_few(matching.count(), run)) {
      rows_of(run, matching, add_row);
      return;
    }
    PositionSpan span = filter.span();
    if (!buckets.by_shape()) {
      runs_.times(run, span, first_time, [&](std::uint32_t position, std::int64_t time) {
        if (matching.has(position)) buckets.add(time, 0, 1);
      });
      return;
    }
    std::vector<std::int64_t> times(span.size());
    runs_.times(run, span, first_time, [&](std::uint32_t position, std::int64_t time) {
      times[position - span.first] = time;
    });
    for_each_position(
        runs_, run, IndexField::kShape, matching, [&](std::int64_t shape, std::uint32_t position) {
          buckets.add(times[position - span.first], static_cast<std::uint32_t>(shape), 1);
        });
  };
  auto count_runs = [&](const Filter& asked) {
    const IndexFilter& filter = use_filter(asked);
    for_each_match(
        filter, state_.newest_seq,
        [&](const Run& run, RunFilter& matches) { count_run(run, matches, filter.first_time); },
        add_row);
  };
  if (use_filter(query.filter).by_shape_only && query.bucket_ticks % kTicksPerHour == 0 &&
      !filter_.nothing) {
    HourSpan span = hour_span(query.filter);
    for_each_hour_shape(span, [&](std::int64_t hour, std::uint32_t shape, std::uint64_t n) {
      buckets.add(hour * kTicksPerHour, shape, n);
    });
    for (const auto& [since, until] : span.edges) {
      Filter edge = query.filter;
      edge.since = since;
      edge.until = until;
      count_runs(edge);
    }
  } else {
    count_runs(query.filter);
  }
  if (!buckets.fits()) {
    return make_error(ErrorCode::kInvalidArgument,
                      "the timeline would have more than " + std::to_string(kMaxTimelinePoints) +
                          " points; ask for larger buckets or a shorter time");
  }

  Timeline timeline;
  for (const auto& [bucket, shapes] : buckets.all()) {
    std::map<std::optional<std::string>, std::uint64_t> values;
    for (const auto& [shape, n] : shapes) {
      auto value = buckets.by_shape() ? value_of(query.by, dictionary_.shape(shape).event)
                                      : std::optional<std::string>();
      values[value] += n;
    }
    TimelinePoint point{Timestamp{bucket * query.bucket_ticks}, {}};
    for (const auto& [value, n] : values) point.counts.push_back({value, n});
    timeline.push_back(std::move(point));
  }
  return timeline;
}

}  // namespace blockwatch
