#include "monitor/security_log.h"

#include <algorithm>

namespace blockwatch {
namespace {

constexpr std::uint64_t kSample = 1000;
constexpr double kSampleHours = 1;
constexpr double kShortestHours = 1.0 / 6;  // below, a rate is chance

double hours_between(Timestamp from, Timestamp to) {
  return static_cast<double>(to.ticks - from.ticks) /
         static_cast<double>(3600 * Timestamp::kTicksPerSecond);
}

std::optional<double> rate_of(const SecurityLogApi& api, const SecurityLogApi::State& state,
                              Timestamp now) {
  if (!api.time_of || state.records < 2) return std::nullopt;
  const std::uint64_t oldest = state.records - 1;
  for (std::uint64_t back = std::min(kSample, oldest);; back = std::min(4 * back, oldest)) {
    const auto time = api.time_of(back);
    if (!time) return std::nullopt;
    const double hours = hours_between(*time, now);
    if (hours < kSampleHours && back < oldest) continue;
    if (hours < kShortestHours) return std::nullopt;
    return static_cast<double>(state.bytes) / static_cast<double>(state.records) *
           static_cast<double>(back) / hours;
  }
}

}  // namespace

std::optional<SecurityLog> measure_security_log(const SecurityLogApi& api, Timestamp now) {
  const auto state = api.state ? api.state() : std::nullopt;
  if (!state) return std::nullopt;
  return SecurityLog{state->bytes, state->max_bytes, state->when_full, rate_of(api, *state, now)};
}

}  // namespace blockwatch
