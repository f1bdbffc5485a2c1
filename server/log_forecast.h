#pragma once
// How long the Security log keeps an event, as it is and after a change of the audit policy.

#include <functional>
#include <optional>
#include <span>
#include <string_view>

#include "monitor/security_log.h"
#include "storage/audit_store.h"
#include "storage/event_store.h"

namespace blockwatch {

// Until the log overwrites what is written now, or until it stops, if it goes on filling like
// this. Nothing: it is not known how fast it fills, or a full log is archived.
std::optional<double> hours_until_overwrite(const SecurityLog& log);

// Events per hour, of the hours that had any: on average and in the busiest.
struct EventRate {
  double usual = 0;
  double busiest = 0;
};
// Of some event ids; nothing: there were none lately.
using EventRateFn = std::function<std::optional<EventRate>(std::span<const NumberRange> event_ids)>;

// From the last week of the live log, as far as the store has it. The reader outlives it; null:
// there is no store.
EventRateFn stored_event_rates(StoreReader* reader, Timestamp now);

struct LogForecast {
  std::optional<double> before;
  std::optional<double> after_at_least;  // nothing: not known
  std::optional<double> after_at_most;
  std::string_view basis;  // what "after" rests on, for the user
};

// Nothing where there is no log.
std::optional<LogForecast> forecast_log(const std::optional<SecurityLog>& log,
                                        std::span<const AuditSettingRecord> settings,
                                        const EventRateFn& rate_of);

}  // namespace blockwatch
