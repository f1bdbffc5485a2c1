#include "server/log_forecast.h"

#include <algorithm>
#include <array>
#include <limits>

#include "monitor/audit_policy.h"

namespace blockwatch {
namespace {

constexpr std::int64_t kHour = 3600 * Timestamp::kTicksPerSecond;
constexpr std::int64_t kWeek = kHour * 24 * 7;
constexpr std::string_view kLiveSource = "windows:Security";

// In the file of a log: 600 to 730 were seen, and the rest of their chunks.
constexpr double kBytesPerEvent = 750;

constexpr double kUnbounded = std::numeric_limits<double>::infinity();

constexpr std::uint8_t kSuccess = 1;
constexpr std::uint8_t kFailure = 2;

// The events of the filtering platform by what switches them on.
constexpr std::array<NumberRange, 1> kDrops{{{5152, 5153}}};
constexpr std::array<NumberRange, 5> kBlocks{
    {{5031, 5031}, {5150, 5151}, {5155, 5155}, {5157, 5157}, {5159, 5159}}};
constexpr std::array<NumberRange, 3> kPermits{{{5154, 5154}, {5156, 5156}, {5158, 5158}}};

std::span<const NumberRange> events_of(std::uint8_t subcategory, std::uint8_t flag) {
  if (subcategory == kAuditPacketDrop && flag == kFailure) return kDrops;
  if (subcategory == kAuditConnection) {
    return flag == kFailure ? std::span<const NumberRange>(kBlocks) : kPermits;
  }
  return {};
}

struct Added {  // bytes per hour
  double least = 0;
  double most = 0;
};

Added added_by(const AuditSettingRecord& setting, const EventRateFn& rate_of) {
  Added added;
  for (const std::uint8_t flag : {kSuccess, kFailure}) {
    const bool before = (setting.before & flag) != 0;
    const bool after = (setting.after & flag) != 0;
    if (before == after) continue;
    if (before) {
      added.least = -kUnbounded;  // how much of what is written this is, is not known
      continue;
    }
    const auto ids = events_of(setting.subcategory, flag);
    const auto rate = ids.empty() ? std::nullopt : rate_of(ids);
    if (!rate) {
      added.most = kUnbounded;
      continue;
    }
    added.least += rate->usual * kBytesPerEvent;
    added.most += rate->busiest * kBytesPerEvent;
  }
  return added;
}

std::optional<double> hours_at(const SecurityLog& log, double bytes_per_hour) {
  if (log.when_full == WhenFull::kArchive) return std::nullopt;
  if (!(bytes_per_hour > 0) || bytes_per_hour == kUnbounded) return std::nullopt;
  const std::uint64_t used =
      log.when_full == WhenFull::kStop ? std::min(log.bytes, log.max_bytes) : 0;
  return static_cast<double>(log.max_bytes - used) / bytes_per_hour;
}

}  // namespace

std::optional<double> hours_until_overwrite(const SecurityLog& log) {
  return hours_at(log, log.bytes_per_hour.value_or(0));
}

EventRateFn stored_event_rates(StoreReader* reader, Timestamp now) {
  return [reader, now](std::span<const NumberRange> event_ids) -> std::optional<EventRate> {
    if (reader == nullptr) return std::nullopt;
    TimelineQuery query;
    query.filter.event_id.any.assign(event_ids.begin(), event_ids.end());
    query.filter.source.any.emplace_back(kLiveSource);
    query.filter.since = Timestamp{now.ticks - kWeek};
    query.bucket_ticks = kHour;
    const auto line = reader->timeline(query);
    if (!line || line->empty()) return std::nullopt;
    EventRate rate;
    for (const TimelinePoint& hour : *line) {
      double count = 0;
      for (const ValueCount& entry : hour.counts) count += static_cast<double>(entry.count);
      rate.usual += count / static_cast<double>(line->size());
      rate.busiest = std::max(rate.busiest, count);
    }
    return rate;
  };
}

std::optional<LogForecast> forecast_log(const std::optional<SecurityLog>& log,
                                        std::span<const AuditSettingRecord> settings,
                                        const EventRateFn& rate_of) {
  if (!log) return std::nullopt;
  LogForecast forecast{.before = hours_until_overwrite(*log)};
  if (log->when_full == WhenFull::kArchive) {
    forecast.basis = "a full log is archived, and nothing is overwritten";
    return forecast;
  }
  if (!log->bytes_per_hour) {
    forecast.basis = "the log holds too little to tell how fast it fills";
    return forecast;
  }
  Added added;
  for (const AuditSettingRecord& setting : settings) {
    const Added one = added_by(setting, rate_of);
    added.least += one.least;
    added.most += one.most;
  }
  forecast.after_at_least = hours_at(*log, *log->bytes_per_hour + added.most);
  forecast.after_at_most = hours_at(*log, *log->bytes_per_hour + added.least);
  if (added.most == kUnbounded) {
    forecast.basis =
        "how much this adds is not known before it was on: no such event was stored in the last "
        "week";
  } else if (added.least == -kUnbounded) {
    forecast.basis = "how much of the log this was is not known";
  } else {
    forecast.basis = "the busiest and the average hour with such events of the last week";
  }
  return forecast;
}

}  // namespace blockwatch
