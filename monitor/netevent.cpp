#include "monitor/netevent.h"

#include <cstdio>
#include <vector>

#include "monitor/evtx/value.h"
#include "monitor/winlog/note.h"
#include "monitor/winlog/reason.h"
#include "storage/words.h"

namespace blockwatch {
namespace {

namespace flag = net_event_flag;

struct Layer {
  std::string_view word;
  std::optional<Direction> direction;  // of all that passes it
  std::uint16_t event_id;              // the Security log's id with the nearest meaning
};

// Four ids each (IPv4, its discards, IPv6, its discards), the same on every Windows. Above them the
// numbers differ between versions.
constexpr Layer kLayers[] = {
    {"ip-packet", Direction::kInbound, 5152},   {"ip-packet", Direction::kOutbound, 5152},
    {"forward", Direction::kForward, 5152},     {"transport", Direction::kInbound, 5152},
    {"transport", Direction::kOutbound, 5152},  {"stream", std::nullopt, 5152},
    {"datagram-data", std::nullopt, 5152},      {"icmp-error", Direction::kInbound, 5152},
    {"icmp-error", Direction::kOutbound, 5152}, {"resource-assignment", std::nullopt, 5159},
    {"listen", Direction::kInbound, 5155},      {"receive-accept", Direction::kInbound, 5157},
    {"connect", Direction::kOutbound, 5157},    {"flow-established", std::nullopt, 5157},
};
constexpr Layer kOtherLayer{{}, std::nullopt, 5152};
constexpr Layer kNoLayer{{}, std::nullopt, 5157};  // capabilities are checked for connections

const Layer& layer_of(const NetEvent& e) {
  if (e.type == NetEventType::kCapabilityDrop) return kNoLayer;
  const std::size_t group = e.layer_id / 4U;
  return group < std::size(kLayers) ? kLayers[group] : kOtherLayer;
}

std::optional<Direction> direction_of(std::uint32_t recorded) {
  switch (recorded) {
    case 0x3900:  // FWP_DIRECTION_IN
    case 1:       // FWP_DIRECTION_INBOUND
      return Direction::kInbound;
    case 0x3901:  // FWP_DIRECTION_OUT
      return Direction::kOutbound;
    case 0x3902:  // FWP_DIRECTION_FORWARD
      return Direction::kForward;
    default:  // 0 is FWP_DIRECTION_OUTBOUND, and what stands where nothing was set
      return std::nullopt;
  }
}

std::string_view capability_name(std::uint32_t capability) {
  constexpr std::string_view kNames[] = {"internetClient", "internetClientServer",
                                         "privateNetworkClientServer"};
  return capability < std::size(kNames) ? kNames[capability] : "unknown";
}

std::string_view rendered(evtx::ValueType type, std::string_view bytes, TextArena& text) {
  const evtx::Value value(static_cast<std::uint8_t>(type),
                          reinterpret_cast<const std::uint8_t*>(bytes.data()),
                          static_cast<std::uint32_t>(bytes.size()));
  const std::size_t room = evtx::max_text_size(value);
  char* const begin = text.allocate(room, 1);
  const auto size = static_cast<std::size_t>(evtx::render(value, begin) - begin);
  text.shrink(room - size);
  return {begin, size};
}

// Sets the fields of the header that it says are set, and lists them as they were.
class HeaderReader {
 public:
  HeaderReader(const NetEvent& e, Event& event, TextArena& text)
      : e_(e), event_(event), text_(text) {}

  void read() {
    if (has(flag::kProtocol)) {
      event_.protocol = e_.protocol;
      list("ipProtocol", e_.protocol);
    }
    if (has(flag::kLocalAddress)) event_.local_address = address("localAddr", e_.local);
    if (has(flag::kRemoteAddress)) event_.remote_address = address("remoteAddr", e_.remote);
    if (has(flag::kLocalPort)) event_.local_port = port("localPort", e_.local_port);
    if (has(flag::kRemotePort)) event_.remote_port = port("remotePort", e_.remote_port);
    if (has(flag::kScopeId)) list("scopeId", e_.scope_id);
    if (has(flag::kAppId)) event_.application = bytes("appId", evtx::ValueType::kString, e_.app_id);
    if (has(flag::kUserId)) event_.user = bytes("userId", evtx::ValueType::kSid, e_.user_id);
    if (has(flag::kPackageId)) bytes("packageSid", evtx::ValueType::kSid, e_.package_id);
    if (e_.type == NetEventType::kCapabilityDrop) {
      list("networkCapabilityId", e_.capability);
    } else {
      list("layerId", e_.layer_id);
      list("msFwpDirection", e_.direction);
      list("originalProfile", e_.original_profile);
      list("currentProfile", e_.current_profile);
      if (has(flag::kReauthReason)) list("reauthReason", e_.reauth_reason);
    }
    list("filterId", e_.filter_id);
    list("isLoopback", e_.is_loopback ? 1 : 0);
    list("type", static_cast<std::uint32_t>(e_.type));
    event_.raw = text_.copy_array(std::span<const RawField>(raw_));
  }

 private:
  bool has(std::uint32_t flags) const { return (e_.flags & flags) != 0; }

  void list(std::string_view name, std::uint64_t number) {
    raw_.push_back({name, text_.copy(std::to_string(number))});
  }

  std::uint16_t port(std::string_view name, std::uint16_t number) {
    list(name, number);
    return number;
  }

  std::string_view bytes(std::string_view name, evtx::ValueType type, std::string_view value) {
    raw_.push_back({name, rendered(type, value, text_)});
    return raw_.back().value;
  }

  std::optional<IpAddress> address(std::string_view name, const NetEventAddress& recorded) {
    if (!has(flag::kIpVersion) || e_.ip_version > 1) return std::nullopt;
    const IpAddress address =
        e_.ip_version == 0 ? IpAddress::v4(recorded.v4) : IpAddress{recorded.v6};
    raw_.push_back({name, text_.copy(format_ip_address(address))});
    return address;
  }

  const NetEvent& e_;
  Event& event_;
  TextArena& text_;
  std::vector<RawField> raw_;
};

// Type and code stand where others have ports, type at the local side. An ICMP error carries those
// of the traffic that it reports on, or zeros.
void move_icmp_ports(Event& event) {
  if (!event.protocol || !is_icmp(*event.protocol)) return;
  const auto octet = [](std::optional<std::uint16_t> port) {
    return port && *port <= 0xFF ? std::optional<std::uint8_t>(static_cast<std::uint8_t>(*port))
                                 : std::nullopt;
  };
  if (event.layer != "icmp-error") {
    event.icmp_type = octet(event.local_port);
    event.icmp_code = octet(event.remote_port);
  }
  event.local_port.reset();
  event.remote_port.reset();
}

}  // namespace

std::uint64_t fingerprint(const NetEvent& e) {
  // FNV-1a: it need not withstand anybody, only stay as it is.
  std::uint64_t hash = 0xCBF29CE484222325U;
  const auto byte = [&hash](std::uint8_t b) { hash = (hash ^ b) * 0x100000001B3U; };
  const auto number = [&](std::uint64_t value) {
    for (unsigned shift = 0; shift < 64; shift += 8)
      byte(static_cast<std::uint8_t>(value >> shift));
  };
  const auto text = [&](std::string_view value) {
    number(value.size());
    for (const char c : value) byte(static_cast<std::uint8_t>(c));
  };
  const auto address = [&](const NetEventAddress& value) {
    number(value.v4);
    for (const std::uint8_t b : value.v6) byte(b);
  };
  number(e.time);
  number(static_cast<std::uint32_t>(e.type));
  number(e.flags);
  number(e.ip_version);
  number(e.protocol);
  address(e.local);
  address(e.remote);
  number(e.local_port);
  number(e.remote_port);
  number(e.scope_id);
  text(e.app_id);
  text(e.user_id);
  text(e.package_id);
  number(e.filter_id);
  number(e.layer_id);
  number(e.reauth_reason);
  number(e.original_profile);
  number(e.current_profile);
  number(e.direction);
  number(e.is_loopback ? 1 : 0);
  number(e.capability);
  return hash;
}

std::optional<Event> to_event(const NetEvent& net_event, std::string_view host, TextArena& text) {
  const Layer& layer = layer_of(net_event);
  Event event;
  event.time = from_filetime(net_event.time);
  if (!is_plausible(event.time)) return std::nullopt;
  event.source = winlog::kNetEventSource;
  event.host = text.copy(host);
  event.event_id = layer.event_id;
  event.layer = layer.word;
  event.filter_id = net_event.filter_id;
  HeaderReader(net_event, event, text).read();
  if (net_event.type == NetEventType::kCapabilityDrop) {
    winlog::add_note(event, winlog::kCapabilityNote, capability_name(net_event.capability), text);
  } else {
    event.layer_id = net_event.layer_id;
    event.direction = layer.direction ? layer.direction : direction_of(net_event.direction);
  }
  move_icmp_ports(event);
  event.reason = winlog::find_reason(event).reason;
  return event;
}

}  // namespace blockwatch
