#include "monitor/eventlog_query.h"

#include <vector>

#include "monitor/eventlog_api.h"
#include "monitor/winlog/event_fields.h"

namespace blockwatch {
namespace {

std::string query_of(int number, std::string_view provider, const std::vector<std::uint32_t>& ids) {
  std::string terms;
  for (const std::uint32_t id : ids) {
    terms += (terms.empty() ? "EventID=" : " or EventID=") + std::to_string(id);
  }
  const std::string channel(kEventLogChannel);
  return "<Query Id=\"" + std::to_string(number) + "\" Path=\"" + channel + "\"><Select Path=\"" +
         channel + "\">*[System[Provider[@Name='" + std::string(provider) + "'] and (" + terms +
         ")]]</Select></Query>";
}

}  // namespace

std::string eventlog_query(ActionSet record) {
  using namespace companion;
  std::vector<std::uint32_t> events{kAuditChanged, 4608, 5441, 5447};  // winlog/filter_history.h
  for (const std::uint16_t id : kEventIds) {
    if (record.has_event_id(id)) events.push_back(id);
  }
  return "<QueryList>" + query_of(0, winlog::kProvider, events) +
         query_of(1, kEventLogProvider,
                  {kLoggingStopped, kDroppedByTransport, kLogCleared, kLogFull, kLogArchived,
                   kDroppedByService, kIncomingFailed, kProcessingFailed}) +
         "</QueryList>";
}

}  // namespace blockwatch
