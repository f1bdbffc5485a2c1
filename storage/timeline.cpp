// Counts by time.

#include <map>

#include "storage/answer_memo_internal.h"
#include "storage/row_internal.h"
#include "storage/statistics_internal.h"
#include "storage/words.h"

namespace blockwatch {
namespace {

constexpr std::int64_t kMinBucket = 60 * Timestamp::kTicksPerSecond;
constexpr std::int64_t kMaxBucket = 24 * kTicksPerHour;

// Adds to the counts, bucket after bucket; more buckets than an answer may have are left out.
class BucketAdder {
 public:
  BucketAdder(BucketCounts& counts, const TimelineQuery& query)
      : buckets_(counts.buckets),
        ticks_(query.bucket_ticks),
        by_shape_(query.by != TimelineBy::kNothing) {}

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

 private:
  decltype(BucketCounts::buckets)& buckets_;
  std::int64_t ticks_;
  bool by_shape_;
  decltype(BucketCounts::buckets)::value_type* last_ = nullptr;
};

std::optional<std::string> value_of(TimelineBy by, const Event& event) {
  if (by == TimelineBy::kAction) return std::string(to_word(action_of(event.event_id)));
  return shape_value(by == TimelineBy::kDirection ? TopField::kDirection : TopField::kEventId,
                     event);
}

}  // namespace

void StoreReader::Impl::count_buckets(const Filter& asked, SeqBounds seqs,
                                      const TimelineQuery& query, BucketCounts& counts) {
  BucketAdder buckets(counts, query);
  auto add_row = [&](const IndexRow& row) {
    buckets.add(row.time, static_cast<std::uint32_t>(row.number(IndexField::kShape)), 1);
  };
  const IndexFilter& filter = use_filter(asked);
  auto count_run = [&](const Run& run, RunFilter& matches) {
    if (!buckets.fits()) return;
    PositionSpan span = matches.span();
    PositionSet matching = matches.matches(span);
    if (are_few(matching.count(), run)) {
      rows_of(run, matching, add_row);
      return;
    }
    if (!buckets.by_shape()) {
      runs_.times(run, span, filter.first_time, [&](std::uint32_t position, std::int64_t time) {
        if (matching.has(position)) buckets.add(time, 0, 1);
      });
      return;
    }
    std::vector<std::int64_t> times(span.size());
    runs_.times(run, span, filter.first_time, [&](std::uint32_t position, std::int64_t time) {
      times[position - span.first] = time;
    });
    for_each_position(
        runs_, run, IndexField::kShape, matching, [&](std::int64_t shape, std::uint32_t position) {
          buckets.add(times[position - span.first], static_cast<std::uint32_t>(shape), 1);
        });
  };
  for_each_match(filter, seqs, count_run, add_row);
}

Result<Timeline> StoreReader::Impl::timeline(const TimelineQuery& query) {
  if (query.bucket_ticks < kMinBucket || query.bucket_ticks > kMaxBucket) {
    return make_error(ErrorCode::kInvalidArgument, "a bucket must be one minute to one day");
  }
  bool by_shape = query.by != TimelineBy::kNothing;
  std::shared_ptr<const Counted<BucketCounts>> counted;
  if (use_filter(query.filter).by_shape_only && query.bucket_ticks % kTicksPerHour == 0 &&
      !filter_.nothing) {
    auto by_hour = std::make_shared<Counted<BucketCounts>>();
    BucketAdder buckets(by_hour->counts, query);
    HourSpan span = hour_span(query.filter);
    for_each_hour_shape(span, [&](std::int64_t hour, std::uint32_t shape, std::uint64_t n) {
      buckets.add(hour * kTicksPerHour, shape, n);
    });
    for (const Filter& edge : span.edges) count_buckets(edge, all_seqs(), query, by_hour->counts);
    counted = std::move(by_hour);
  } else {
    counted = up_to_date(memo_->buckets, query.filter, query.bucket_ticks * 2 + (by_shape ? 1 : 0),
                         [&](SeqBounds seqs, BucketCounts& counts) {
                           count_buckets(query.filter, seqs, query, counts);
                         });
  }
  if (counted->counts.buckets.size() > kMaxTimelinePoints) {
    return make_error(ErrorCode::kInvalidArgument,
                      "the timeline would have more than " + std::to_string(kMaxTimelinePoints) +
                          " points; ask for larger buckets or a shorter time");
  }

  Timeline timeline;
  for (const auto& [bucket, shapes] : counted->counts.buckets) {
    std::map<std::optional<std::string>, std::uint64_t> values;
    for (const auto& [shape, n] : shapes) {
      auto value = by_shape ? value_of(query.by, dictionary_.shape(shape).event)
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
