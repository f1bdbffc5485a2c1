#pragma once
// Named fields to an Event: the one function behind EVTX, rendered XML, JSON and live records.

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "storage/event.h"
#include "storage/result.h"
#include "storage/words.h"

namespace blockwatch::winlog {

// The System section, already typed. Text outlives the call only if the caller's arena holds it.
struct SystemFields {
  std::string_view provider;  // empty when the format does not carry it
  std::uint16_t event_id = 0;
  std::uint8_t version = 0;
  Timestamp time;
  std::optional<std::uint64_t> record_id;
  std::string_view host;
  std::string_view channel;  // empty when the format does not carry it
};

// What an EventData name stands for. Names are compared without case: ProcessID and ProcessId are
// one field (reference: template versions Vista to 11).
enum class FieldRole : std::uint8_t {
  kOther,
  // Numbers.
  kProcessId,
  kSourcePort,
  kDestPort,
  kProtocol,
  kInterfaceIndex,
  kFilterId,
  kLayerId,
  // Texts.
  kApplication,
  kDirection,
  kSourceAddress,
  kDestAddress,
  kFilterOrigin,
  kFilterName,
  kLayerName,
  kRemoteUserId,
};
constexpr bool is_number(FieldRole role) noexcept {
  return role >= FieldRole::kProcessId && role <= FieldRole::kLayerId;
}
FieldRole role_of(std::string_view name) noexcept;

inline constexpr std::string_view kProvider = "Microsoft-Windows-Security-Auditing";

// Is it one of our events? Provider without case; an empty provider is taken as ours.
bool is_wanted_provider(std::string_view provider) noexcept;

// Makes the event. `roles[i]` is role_of(data[i].name): EVTX computes them once per template.
// `data` becomes Event::raw as it is, and the texts of both live as long as the event. Source is
// put on the local side and Dest on the remote side; HostKnowledge::settle decides whether that is
// so. Field values that cannot be read (a port "abc") leave the field absent; they stay in raw.
// kCorrupt when the event cannot be placed at all (implausible time, an id that is not ours).
Result<Event> to_event(const SystemFields& system, std::span<const RawField> data,
                       std::span<const FieldRole> roles);

// Can it not be placed? And why.
inline bool is_misplaced(const SystemFields& system) noexcept {
  return !is_event_id(system.event_id) || !is_plausible(system.time);
}
Error why_misplaced(const SystemFields& system);

}  // namespace blockwatch::winlog
