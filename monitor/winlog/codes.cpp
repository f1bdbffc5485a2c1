#include "monitor/winlog/codes.h"

#include <array>

#include "storage/words.h"

namespace blockwatch::winlog {

namespace {

constexpr std::uint32_t kFirstId = 14592;

struct Layer {
  std::uint32_t id;
  std::string_view name;  // English text of the message
  std::string_view word;
};

// msobjs.dll of Windows Server 2019; 14594 is both a direction and the Forward layer of old lists.
// 14625, 14626 and 14643 come from a list of 2026 and were not seen in records.
constexpr Layer kLayers[] = {
    {14594, "Forward", "forward"},
    {14596, "IP Packet", "ip-packet"},
    {14597, "Transport", "transport"},
    {14598, "Forward", "forward"},
    {14599, "Stream", "stream"},
    {14600, "Datagram Data", "datagram-data"},
    {14601, "ICMP Error", "icmp-error"},
    {14602, "MAC 802.3", "mac-802.3"},
    {14603, "MAC Native", "mac-native"},
    {14604, "vSwitch", "vswitch"},
    {14608, "Resource Assignment", "resource-assignment"},
    {14609, "Listen", "listen"},
    {14610, "Receive/Accept", "receive-accept"},
    {14611, "Connect", "connect"},
    {14612, "Flow Established", "flow-established"},
    {14614, "Resource Release", "resource-release"},
    {14615, "Endpoint Closure", "endpoint-closure"},
    {14616, "Connect Redirect", "connect-redirect"},
    {14617, "Bind Redirect", "bind-redirect"},
    {14624, "Stream Packet", "stream-packet"},
    {14625, "Accept Redirect", "accept-redirect"},
    {14626, "Accept Redirect", "accept-redirect"},
    {14640, "ICMP Echo-Request", "icmp-echo-request"},
    {14641, "vSwitch Ingress", "vswitch-ingress"},
    {14642, "vSwitch Egress", "vswitch-egress"},
    {14643, "Unknown", "unknown"},
};

constexpr auto kWordById = [] {
  std::array<std::string_view, 64> words{};
  for (const Layer& layer : kLayers) words[layer.id - kFirstId] = layer.word;
  return words;
}();

}  // namespace

std::optional<Direction> direction_of(std::string_view recorded) noexcept {
  if (auto id = message_id(recorded)) {
    switch (*id) {
      case 14592:
        return Direction::kInbound;
      case 14593:
        return Direction::kOutbound;
      case 14594:
        return Direction::kForward;
      default:
        return std::nullopt;
    }
  }
  if (equal_ignoring_case(recorded, "Inbound")) return Direction::kInbound;
  if (equal_ignoring_case(recorded, "Outbound")) return Direction::kOutbound;
  if (equal_ignoring_case(recorded, "Forward")) return Direction::kForward;
  return std::nullopt;
}

std::string_view layer_word(std::string_view recorded) noexcept {
  if (auto id = message_id(recorded)) {
    const std::uint32_t index = *id - kFirstId;  // below the first id it wraps and is too large
    if (index < kWordById.size() && !kWordById[index].empty()) return kWordById[index];
    return recorded;
  }
  if (recorded == "-") return {};
  for (const Layer& layer : kLayers) {
    if (equal_ignoring_case(recorded, layer.name)) return layer.word;
  }
  return recorded;
}

std::optional<Direction> direction_of_layer(std::string_view layer_word,
                                            std::optional<std::uint64_t> layer_id) noexcept {
  if (layer_word == "receive-accept" || layer_word == "listen") return Direction::kInbound;
  if (layer_word == "connect") return Direction::kOutbound;
  if (layer_word == "forward") return Direction::kForward;
  // Ids below 56 are the same on every Windows version: 13/15 inbound transport discard,
  // 28/30 inbound and 32/34 outbound ICMP error.
  switch (layer_id.value_or(0)) {
    case 13:
    case 15:
    case 28:
    case 30:
      return Direction::kInbound;
    case 32:
    case 34:
      return Direction::kOutbound;
    default:
      return std::nullopt;
  }
}

}  // namespace blockwatch::winlog
