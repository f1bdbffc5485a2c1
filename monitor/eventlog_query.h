#pragma once
// What is asked of the live event log.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "storage/words.h"

namespace blockwatch {

// Records that tell what is missing: of provider Microsoft-Windows-Eventlog, but kAuditChanged.
namespace companion {
inline constexpr std::uint32_t kLoggingStopped = 1100;
inline constexpr std::uint32_t kDroppedByTransport = 1101;
inline constexpr std::uint32_t kLogCleared = 1102;
inline constexpr std::uint32_t kLogFull = 1104;
inline constexpr std::uint32_t kLogArchived = 1105;
inline constexpr std::uint32_t kDroppedByService = 1106;
inline constexpr std::uint32_t kIncomingFailed = 1107;
inline constexpr std::uint32_t kProcessingFailed = 1108;
inline constexpr std::uint32_t kAuditChanged = 4719;
}  // namespace companion

inline constexpr std::string_view kEventLogProvider = "Microsoft-Windows-Eventlog";

// A structured query for the events of these actions, the companions and what tells of filters.
// Windows refuses a query with more than about 20 terms (EvtSubscribe; with 23,
// elastic/beats#35047): it is several.
std::string eventlog_query(ActionSet record);

}  // namespace blockwatch
