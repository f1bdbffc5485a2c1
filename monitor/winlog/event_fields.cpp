#include "monitor/winlog/event_fields.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <string>

#include "monitor/winlog/codes.h"
#include "monitor/winlog/reason.h"
#include "storage/words.h"

namespace blockwatch::winlog {

namespace {

// A whole number, decimal or with 0x in hexadecimal; nullopt when it is anything else or too large.
template <class T>
std::optional<T> number(std::string_view text) noexcept {
  constexpr std::size_t kSafeDigits = std::numeric_limits<std::uint64_t>::digits10;
  if (text.empty()) return std::nullopt;
  if (text.size() <= kSafeDigits) {
    std::uint64_t value = 0;
    std::size_t i = 0;
    for (; i < text.size(); ++i) {
      const auto digit = static_cast<std::uint64_t>(text[i]) - '0';
      if (digit > 9) break;
      value = value * 10 + digit;
    }
    if (i == text.size()) {
      if (value > std::numeric_limits<T>::max()) return std::nullopt;
      return static_cast<T>(value);
    }
  }
  int base = 10;
  if (text.size() > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
    text.remove_prefix(2);
    base = 16;
  }
  T value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value, base);
  if (error != std::errc() || stop != end) return std::nullopt;
  return value;
}

// Absent values are written as "-" by Windows and left empty by some collectors.
std::string_view text_or_absent(std::string_view value) noexcept {
  return value == "-" ? std::string_view{} : value;
}

template <class T>
void set_once(std::optional<T>& field, std::optional<T> value) noexcept {
  if (!field) field = value;
}

void set_once(std::string_view& field, std::string_view value) noexcept {
  if (field.empty()) field = value;
}

void set_field(Event& event, FieldRole role, std::string_view value) {
  switch (role) {
    case FieldRole::kOther:
      break;
    case FieldRole::kProcessId:
      set_once(event.process_id, number<std::uint64_t>(value));
      break;
    case FieldRole::kApplication:
      set_once(event.application, text_or_absent(value));
      break;
    case FieldRole::kDirection:
      set_once(event.direction, direction_of(value));
      break;
    case FieldRole::kSourceAddress:
      set_once(event.local_address, parse_ip_address(value));
      break;
    case FieldRole::kSourcePort:
      set_once(event.local_port, number<std::uint16_t>(value));
      break;
    case FieldRole::kDestAddress:
      set_once(event.remote_address, parse_ip_address(value));
      break;
    case FieldRole::kDestPort:
      set_once(event.remote_port, number<std::uint16_t>(value));
      break;
    case FieldRole::kProtocol:
      set_once(event.protocol, number<std::uint8_t>(value));
      break;
    case FieldRole::kInterfaceIndex:
      set_once(event.interface_index, number<std::uint32_t>(value));
      break;
    case FieldRole::kFilterOrigin:
      set_once(event.filter_origin, text_or_absent(value));
      break;
    case FieldRole::kFilterName:
      set_once(event.filter_name, text_or_absent(value));
      break;
    case FieldRole::kFilterId:
      set_once(event.filter_id, number<std::uint64_t>(value));
      break;
    case FieldRole::kLayerName:
      set_once(event.layer, layer_word(value));
      break;
    case FieldRole::kLayerId:
      set_once(event.layer_id, number<std::uint64_t>(value));
      break;
    case FieldRole::kRemoteUserId:
      if (value != "S-1-0-0") set_once(event.user, text_or_absent(value));
      break;
  }
}

bool is_address(FieldRole role) {
  return role == FieldRole::kSourceAddress || role == FieldRole::kDestAddress;
}

}  // namespace

FieldRole role_of(std::string_view name) noexcept {
  struct Known {
    std::string_view name;
    FieldRole role;
  };
  static constexpr Known kKnown[] = {
      {"ProcessId", FieldRole::kProcessId},
      {"Application", FieldRole::kApplication},
      {"Direction", FieldRole::kDirection},
      {"SourceAddress", FieldRole::kSourceAddress},
      {"SourcePort", FieldRole::kSourcePort},
      {"DestAddress", FieldRole::kDestAddress},
      {"DestPort", FieldRole::kDestPort},
      {"Protocol", FieldRole::kProtocol},
      {"InterfaceIndex", FieldRole::kInterfaceIndex},
      {"FilterOrigin", FieldRole::kFilterOrigin},
      {"FilterName", FieldRole::kFilterName},
      {"FilterRTID", FieldRole::kFilterId},
      {"LayerName", FieldRole::kLayerName},
      {"LayerRTID", FieldRole::kLayerId},
      {"RemoteUserID", FieldRole::kRemoteUserId},
  };
  for (const Known& known : kKnown) {
    if (equal_ignoring_case(name, known.name)) return known.role;
  }
  return FieldRole::kOther;
}

bool is_wanted_provider(std::string_view provider) noexcept {
  return provider.empty() || equal_ignoring_case(provider, kProvider);
}

Result<Event> to_event(const SystemFields& system, std::span<const RawField> data,
                       std::span<const FieldRole> roles) {
  if (!is_event_id(system.event_id)) {
    return make_error(ErrorCode::kCorrupt, "event id " + std::to_string(system.event_id) +
                                               " where 5031 or 5150 to 5159 was expected");
  }
  if (!is_plausible(system.time)) {
    return make_error(ErrorCode::kCorrupt, "the event's time is not between 1970 and 2084");
  }
  Result<Event> result(tl::in_place);  // made where it is returned: an event is large
  Event& event = *result;
  event.time = system.time;
  event.host = system.host;
  event.channel = system.channel;
  event.record_id = system.record_id;
  event.event_id = system.event_id;
  event.event_version = system.version;
  event.raw = data;

  // MAC-layer events name hardware addresses in the same fields.
  const bool hardware_addresses = system.event_id == 5150 || system.event_id == 5151;
  const std::size_t count = std::min(data.size(), roles.size());
  for (std::size_t i = 0; i < count; ++i) {
    if (hardware_addresses && is_address(roles[i])) continue;
    set_field(event, roles[i], data[i].value);
  }

  if (!event.direction) {
    event.direction = system.event_id == 5031 ? Direction::kInbound
                                              : direction_of_layer(event.layer, event.layer_id);
  }
  // Process 0 without an application means that no process owned the packet.
  if (event.process_id == 0U && event.application.empty()) event.process_id.reset();
  event.reason = find_reason(event).reason;
  return result;
}

}  // namespace blockwatch::winlog
