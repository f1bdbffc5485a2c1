#include "monitor/winlog/event_fields.h"

#include <algorithm>
#include <charconv>
#include <string>

#include "monitor/winlog/codes.h"
#include "monitor/winlog/event_maker.h"
#include "monitor/winlog/reason.h"
#include "storage/words.h"

namespace blockwatch::winlog {

namespace {

// Whether a field that is set already keeps its value.
enum class Again : std::uint8_t { kKeep, kReplace };

template <Again again, class Field>
void put(Field& field, const Field& value) noexcept {
  if (again == Again::kReplace || field == Field{}) field = value;
}

template <Again again, class T>
void put_number(std::optional<T>& field, std::string_view text) noexcept {
  put<again>(field, detail::fitting<T>(detail::number(text)));
}

// Sets what the role says; `read_address` reads the text of an address.
template <Again again, class ReadAddress>
void set_text(Event& event, FieldRole role, std::string_view text, ReadAddress read_address) {
  switch (role) {
    case FieldRole::kOther:
      return;
    case FieldRole::kSourcePort:
      return put_number<again>(event.local_port, text);
    case FieldRole::kDestPort:
      return put_number<again>(event.remote_port, text);
    case FieldRole::kApplication:
      return put<again>(event.application, detail::text_or_absent(text));
    case FieldRole::kDirection:
      return put<again>(event.direction, direction_of(text));
    case FieldRole::kSourceAddress:
      return put<again>(event.local_address, read_address(text));
    case FieldRole::kDestAddress:
      return put<again>(event.remote_address, read_address(text));
    case FieldRole::kFilterOrigin:
      return put<again>(event.filter_origin, detail::text_or_absent(text));
    case FieldRole::kFilterName:
      return put<again>(event.filter_name, detail::text_or_absent(text));
    case FieldRole::kLayerName:
      return put<again>(event.layer, layer_word(text));
    case FieldRole::kRemoteUserId:
      return put<again>(event.user,
                        text == "S-1-0-0" ? std::string_view{} : detail::text_or_absent(text));
    case FieldRole::kProcessId:
      return put_number<again>(event.process_id, text);
    case FieldRole::kProtocol:
      return put_number<again>(event.protocol, text);
    case FieldRole::kInterfaceIndex:
      return put_number<again>(event.interface_index, text);
    case FieldRole::kFilterId:
      return put_number<again>(event.filter_id, text);
    case FieldRole::kLayerId:
      return put_number<again>(event.layer_id, text);
  }
}

void set_system(Event& event, const SystemFields& system) {
  event.time = system.time;
  event.host = system.host;
  event.channel = system.channel;
  event.record_id = system.record_id;
  event.event_id = system.event_id;
  event.event_version = system.version;
}

// MAC-layer events name hardware addresses in the fields of the others' IP addresses.
bool has_hardware_addresses(const Event& event) {
  return event.event_id == 5150 || event.event_id == 5151;
}

// What follows from the fields together.
void conclude(Event& event, std::optional<Reason> default_filter) {
  if (!event.direction) {
    event.direction = event.event_id == 5031 ? Direction::kInbound
                                             : direction_of_layer(event.layer, event.layer_id);
  }
  // Process 0 without an application means that no process owned the packet.
  if (event.process_id == 0U && event.application.empty()) event.process_id.reset();
  event.reason = find_reason(event, default_filter).reason;
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

Error why_misplaced(const SystemFields& system) {
  if (is_event_id(system.event_id))
    return {ErrorCode::kCorrupt, "the event's time is not between 1970 and 2084"};
  return {ErrorCode::kCorrupt, "event id " + std::to_string(system.event_id) +
                                   " where 5031 or 5150 to 5159 was expected"};
}

std::optional<std::uint64_t> detail::long_number(std::string_view text) noexcept {
  int base = 10;
  if (text.size() > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
    text.remove_prefix(2);
    base = 16;
  }
  std::uint64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value, base);
  if (error != std::errc() || stop != end) return std::nullopt;
  return value;
}

Result<Event> to_event(const SystemFields& system, std::span<const RawField> data,
                       std::span<const FieldRole> roles) {
  if (is_misplaced(system)) return tl::make_unexpected(why_misplaced(system));
  Result<Event> result(tl::in_place);  // made where it is returned: an event is large
  Event& event = *result;
  set_system(event, system);
  event.raw = data;
  const bool ip_addresses = !has_hardware_addresses(event);
  const auto read_address = [ip_addresses](std::string_view text) {
    return ip_addresses ? parse_ip_address(text) : std::nullopt;
  };
  const std::size_t count = std::min(data.size(), roles.size());
  for (std::size_t i = 0; i < count; ++i)
    set_text<Again::kKeep>(event, roles[i], data[i].value, read_address);
  conclude(event, default_filter(event.filter_origin));
  return result;
}

void EventMaker::set_any_text(Event& fields, FieldRole role, std::string_view text) {
  winlog::set_text<Again::kReplace>(fields, role, text, parse_ip_address);
}

void EventMaker::add(const Event& fields, const SystemFields& system,
                     std::span<const RawField> data, std::vector<Event>& events) {
  Event& event = events.emplace_back(fields);
  set_system(event, system);
  event.raw = data;
  if (has_hardware_addresses(event)) {
    event.local_address.reset();
    event.remote_address.reset();
  }
  conclude(event, event.filter_origin.empty() ? std::nullopt : default_filter(event.filter_origin));
}

std::optional<Reason> EventMaker::default_filter(std::string_view origin) {
  if (origin != origin_) {
    origin_ = origin;
    default_filter_ = winlog::default_filter(origin);
  }
  return default_filter_;
}

}  // namespace blockwatch::winlog
