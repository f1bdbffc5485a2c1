#pragma once
// Why something was stopped, and which field of the record says so. Pure.

#include <cstdint>
#include <optional>
#include <string_view>

#include "storage/event.h"

namespace blockwatch::winlog {

// The source of net events. They name no process, so that its absence proves nothing.
inline constexpr std::string_view kNetEventSource = "netevent";

// Packets that a rule of netfilter's logged; the group follows.
inline constexpr std::string_view kNflogSource = "nflog:";
inline bool is_netfilter(const Event& event) noexcept {
  return event.source.starts_with(kNflogSource);
}

// What a finding rests on.
enum class Basis : std::uint8_t {
  kNone,                // the record says nothing
  kFilterOrigin,        // the origin names one of Windows' own default filters
  kFilterOriginIsRule,  // the origin is a rule's id or name
  kFilterProvider,      // a program other than Windows put the filter there
  kFilterName,          // the filter has the name of one of Windows Firewall's own
  kDiscardLayer,        // the layer where only stealth mode drops
  kNoProcess,           // transport layer without a process
  kEventId,             // the kind of event alone has this meaning
};

struct Finding {
  Reason reason = Reason::kUnknown;
  Basis basis = Basis::kNone;
};

// Reads source, event_id, filter_origin, filter_name, the notes of the filter's provider and of a
// missing capability, layer, layer_id, process_id and application. An origin on a permitted event
// is evidence only when it is a rule: real permits carry "Quarantine Default".
Finding find_reason(const Event& event) noexcept;

// The same in two steps, for callers that remember the first: the reason a default filter stands
// for; nullopt when the text names none.
std::optional<Reason> default_filter(std::string_view origin) noexcept;
Finding find_reason(const Event& event, std::optional<Reason> default_filter) noexcept;

}  // namespace blockwatch::winlog
