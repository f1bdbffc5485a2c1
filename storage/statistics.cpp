// Counts: from the hourly tables where the filter allows, from the rows elsewhere.

#include <algorithm>
#include <charconv>
#include <iterator>
#include <map>
#include <set>
#include <unordered_map>

#include "storage/row_internal.h"
#include "storage/statistics_internal.h"
#include "storage/words.h"

namespace blockwatch {
namespace {

constexpr std::int64_t kMinBucket = 60 * Timestamp::kTicksPerSecond;
constexpr std::int64_t kMaxBucket = 24 * kTicksPerHour;
constexpr std::size_t kBetweenChecks = 1024;  // values looked at between looks at the clock

std::int64_t hours_up(std::int64_t ticks) {
  return ticks / kTicksPerHour + (ticks % kTicksPerHour != 0 ? 1 : 0);
}

bool is_of_shape(TopField field) {
  switch (field) {
    case TopField::kDirection:
    case TopField::kProtocol:
    case TopField::kEventId:
    case TopField::kFilterName:
    case TopField::kReason:
    case TopField::kHost:
      return true;
    default:
      return false;
  }
}

std::optional<std::string> text_or_none(std::string_view text) {
  if (text.empty()) return std::nullopt;
  return std::string(text);
}

std::optional<std::string> shape_value(TopField field, const Event& event) {
  switch (field) {
    case TopField::kDirection:
      if (!event.direction) return std::nullopt;
      return std::string(to_word(*event.direction));
    case TopField::kProtocol:
      if (!event.protocol) return std::nullopt;
      return std::to_string(*event.protocol);
    case TopField::kEventId:
      return std::to_string(event.event_id);
    case TopField::kFilterName:
      return text_or_none(event.filter_name);
    case TopField::kReason:
      return std::string(to_word(event.reason));
    default:
      return text_or_none(event.host);
  }
}

const char* column_of(TopField field) {
  switch (field) {
    case TopField::kRemoteAddress:
      return "e.remote_address";
    case TopField::kRemotePort:
      return "e.remote_port";
    case TopField::kLocalPort:
      return "e.local_port";
    case TopField::kProcessId:
      return "e.process_id";
    case TopField::kApplication:
    case TopField::kApplicationName:
      return "e.application";
    default:
      return "e.shape";
  }
}

}  // namespace

std::string number_text(std::int64_t stored) {
  return std::to_string(static_cast<std::uint64_t>(stored));
}

HourSpan hour_span(const Filter& filter) {
  HourSpan span;
  std::int64_t since = filter.since ? std::max(filter.since->ticks, kMinTimestamp.ticks) : 0;
  std::int64_t until = filter.until ? std::clamp(filter.until->ticks, since, kMaxTimestamp.ticks)
                                    : kMaxTimestamp.ticks;
  since = std::min(since, kMaxTimestamp.ticks);
  span.first_hour = hours_up(since);
  span.end_hour = until / kTicksPerHour;
  if (span.first_hour >= span.end_hour) {
    span.first_hour = span.end_hour = 0;
    if (since < until) span.edges.push_back({Timestamp{since}, Timestamp{until}});
    return span;
  }
  Timestamp first{span.first_hour * kTicksPerHour};
  Timestamp end{span.end_hour * kTicksPerHour};
  if (since < first.ticks) span.edges.push_back({Timestamp{since}, first});
  if (end.ticks < until) span.edges.push_back({end, Timestamp{until}});
  return span;
}

std::uint64_t StoreReader::Impl::count_rows(std::uint64_t snapshot_seq) {
  if (filter_.nothing) return 0;
  auto row =
      connection_.use("SELECT count(*) FROM event e WHERE e.key BETWEEN ? AND ? AND +e.seq <= ?" +
                      filter_.conditions);
  row->bind(1, filter_.first_key);
  row->bind(2, filter_.last_key);
  row->bind(3, static_cast<std::int64_t>(snapshot_seq));
  bind_filter(*row, 4);
  return row->step() ? static_cast<std::uint64_t>(row->integer(0)) : 0;
}

std::uint64_t StoreReader::Impl::count(const Filter& filter, std::uint64_t snapshot_seq) {
  use_filter(filter);
  if (filter_.nothing) return 0;
  if (!filter_.by_shape_only || snapshot_seq < state_.newest_seq) return count_rows(snapshot_seq);
  std::uint64_t total = 0;
  for_each_hour_shape(hour_span(filter),
                      [&](std::int64_t, std::uint32_t, std::uint64_t n) { total += n; });
  for (const auto& [since, until] : hour_span(filter).edges) {
    Filter edge = filter;
    edge.since = since;
    edge.until = until;
    use_filter(edge);
    total += count_rows(snapshot_seq);
  }
  use_filter(filter);
  return total;
}

void StoreReader::Impl::for_each_hour_shape(const HourSpan& span, const HourShapeVisitor& visit) {
  if (span.first_hour == span.end_hour) return;
  auto rows = connection_.use(
      "SELECT hour, shape, n FROM hour_shape WHERE hour >= ? AND hour < ? AND (? OR id_in(0, "
      "shape))");
  rows->bind(1, span.first_hour);
  rows->bind(2, span.end_hour);
  rows->bind(3, filter_.shapes ? 0 : 1);
  while (rows->step()) {
    visit(rows->integer(0), static_cast<std::uint32_t>(rows->integer(1)),
          static_cast<std::uint64_t>(rows->integer(2)));
  }
}

namespace {

// Counts by the number a column holds, before they get their text. Integers are IPv4 addresses
// where addresses are counted.
struct NumberCounts {
  std::unordered_map<std::int64_t, std::uint64_t> integers;
  std::map<IpAddress, std::uint64_t> addresses;
  std::uint64_t absent = 0;
};

// The `limit` most frequent of any number of values, ties by value.
class MostFrequent {
 public:
  explicit MostFrequent(std::size_t limit) : limit_(limit) {}

  // Text is made only for what may be among them: there can be millions of values.
  template <class MakeText>
  void offer(std::uint64_t count, const MakeText& text) {
    bool full = values_.size() == limit_;
    if (full && count < values_.rbegin()->count) return;
    values_.insert(ValueCount{text(), count});
    if (full) values_.erase(std::prev(values_.end()));
  }

  std::vector<ValueCount> values() const { return {values_.begin(), values_.end()}; }

 private:
  struct Before {
    bool operator()(const ValueCount& x, const ValueCount& y) const {
      return x.count != y.count ? x.count > y.count : x.value < y.value;
    }
  };

  std::size_t limit_;  // at least 1
  std::set<ValueCount, Before> values_;
};

}  // namespace

Top StoreReader::Impl::top(const TopQuery& query) {
  Top top;
  use_filter(query.filter);
  if (filter_.nothing) return top;
  bool of_shape = is_of_shape(query.by);
  bool of_application =
      query.by == TopField::kApplication || query.by == TopField::kApplicationName;
  bool all = filter_.by_shape_only && !filter_.shapes;  // only time is asked for
  bool hourly_value = all && (of_application || query.by == TopField::kProcessId);
  NumberCounts counts;

  auto scan = [&] {
    if (filter_.nothing) return;
    std::string column = column_of(query.by);
    auto rows =
        connection_.use("SELECT " + column + ", count(*) FROM event e WHERE e.key BETWEEN ? AND ?" +
                        filter_.conditions + " GROUP BY 1");
    rows->bind(1, filter_.first_key);
    rows->bind(2, filter_.last_key);
    bind_filter(*rows, 3);
    while (rows->step()) {
      auto n = static_cast<std::uint64_t>(rows->integer(1));
      top.total += n;
      if (rows->is_null(0)) {
        counts.absent += n;
      } else if (rows->type(0) == SQLITE_BLOB) {
        counts.addresses[*address_at(*rows, 0)] += n;
      } else {
        counts.integers[rows->integer(0)] += n;
      }
    }
  };
  if ((of_shape && filter_.by_shape_only) || hourly_value) {
    HourSpan span = hour_span(query.filter);
    std::uint64_t in_hours = 0;
    for_each_hour_shape(span, [&](std::int64_t, std::uint32_t shape, std::uint64_t n) {
      in_hours += n;
      if (of_shape) counts.integers[shape] += n;
    });
    top.total += in_hours;
    if (hourly_value) {
      auto rows = connection_.use(
          "SELECT value, sum(n) FROM hour_value WHERE field = ? AND hour >= ? AND hour < ? "
          "GROUP BY value");
      rows->bind(1, static_cast<std::int64_t>(of_application ? RollupField::kApplication
                                                             : RollupField::kProcessId));
      rows->bind(2, span.first_hour);
      rows->bind(3, span.end_hour);
      std::uint64_t present = 0;
      while (rows->step()) {
        auto n = static_cast<std::uint64_t>(rows->integer(1));
        present += n;
        counts.integers[rows->integer(0)] += n;
      }
      counts.absent += in_hours - present;
    }
    for (const auto& [since, until] : span.edges) {
      Filter edge = query.filter;
      edge.since = since;
      edge.until = until;
      use_filter(edge);
      scan();
    }
  } else {
    scan();
  }

  MostFrequent best(query.limit);
  std::size_t looked_at = 0;
  auto in_time = [&] {
    if (++looked_at % kBetweenChecks == 0) connection_.check_limits();
  };
  if (of_shape || of_application) {
    // Several numbers may stand for one value.
    std::map<std::optional<std::string>, std::uint64_t> values;
    if (counts.absent > 0) values[std::nullopt] += counts.absent;
    for (const auto& [number, n] : counts.integers) {
      in_time();
      if (of_shape) {
        values[shape_value(query.by, dictionary_.shape(number).event)] += n;
      } else {
        std::string_view path = dictionary_.application(number);
        bool name = query.by == TopField::kApplicationName && !path.empty();
        values[name ? application_name(path) : text_or_none(path)] += n;
      }
    }
    for (const auto& entry : values) {
      best.offer(entry.second, [&] { return entry.first; });
    }
  } else {
    if (counts.absent > 0) best.offer(counts.absent, [] { return std::nullopt; });
    for (const auto& entry : counts.addresses) {
      in_time();
      best.offer(entry.second, [&] { return format_ip_address(entry.first); });
    }
    bool v4 = query.by == TopField::kRemoteAddress;
    for (const auto& entry : counts.integers) {
      in_time();
      best.offer(entry.second, [&] {
        return v4 ? format_ip_address(IpAddress::v4(static_cast<std::uint32_t>(entry.first)))
                  : number_text(entry.first);
      });
    }
  }
  top.values = best.values();
  return top;
}

Result<Timeline> StoreReader::Impl::timeline(const TimelineQuery& query) {
  if (query.bucket_ticks < kMinBucket || query.bucket_ticks > kMaxBucket) {
    return make_error(ErrorCode::kInvalidArgument, "a bucket must be one minute to one day");
  }
  use_filter(query.filter);
  // By bucket, then by shape (0 when the shape does not matter).
  std::map<std::int64_t, std::map<std::uint32_t, std::uint64_t>> buckets;
  bool by_shape = query.by != TimelineBy::kNothing;
  auto add = [&](std::int64_t ticks, std::uint32_t shape, std::uint64_t n) {
    buckets[ticks / query.bucket_ticks][by_shape ? shape : 0] += n;
    return buckets.size() <= kMaxTimelinePoints;
  };
  bool fits = true;
  auto scan = [&] {
    if (filter_.nothing) return;
    auto rows = connection_.use(
        "SELECT (e.key >> 8) - ifnull(e.borrowed, 0), e.shape FROM event e "
        "WHERE e.key BETWEEN ? AND ?" +
        filter_.conditions);
    rows->bind(1, filter_.first_key);
    rows->bind(2, filter_.last_key);
    bind_filter(*rows, 3);
    while (fits && rows->step()) {
      fits = add(rows->integer(0), static_cast<std::uint32_t>(rows->integer(1)), 1);
    }
  };
  if (filter_.by_shape_only && query.bucket_ticks % kTicksPerHour == 0 && !filter_.nothing) {
    HourSpan span = hour_span(query.filter);
    for_each_hour_shape(span, [&](std::int64_t hour, std::uint32_t shape, std::uint64_t n) {
      fits = add(hour * kTicksPerHour, shape, n) && fits;
    });
    for (const auto& [since, until] : span.edges) {
      Filter edge = query.filter;
      edge.since = since;
      edge.until = until;
      use_filter(edge);
      scan();
    }
  } else {
    scan();
  }
  if (!fits) {
    return make_error(ErrorCode::kInvalidArgument,
                      "the timeline would have more than " + std::to_string(kMaxTimelinePoints) +
                          " points; ask for larger buckets or a shorter time");
  }

  Timeline timeline;
  for (const auto& [bucket, shapes] : buckets) {
    std::map<std::optional<std::string>, std::uint64_t> values;
    for (const auto& [shape, n] : shapes) {
      std::optional<std::string> value;
      if (by_shape) {
        const Event& event = dictionary_.shape(shape).event;
        if (query.by == TimelineBy::kAction) {
          value = std::string(to_word(action_of(event.event_id)));
        } else {
          value = shape_value(
              query.by == TimelineBy::kDirection ? TopField::kDirection : TopField::kEventId,
              event);
        }
      }
      values[value] += n;
    }
    TimelinePoint point{Timestamp{bucket * query.bucket_ticks}, {}};
    for (const auto& [value, n] : values) point.counts.push_back({value, n});
    timeline.push_back(std::move(point));
  }
  return timeline;
}

}  // namespace blockwatch
