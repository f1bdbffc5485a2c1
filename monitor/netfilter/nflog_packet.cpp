#include "monitor/netfilter/nflog_packet.h"

#include <array>

namespace blockwatch {
namespace {

// Attributes of <linux/netfilter/nfnetlink_log.h>.
enum : std::uint16_t {
  kPacketHeader = 1,
  kMark = 2,
  kTime = 3,
  kInInterface = 4,
  kOutInterface = 5,
  kPayload = 9,
  kPrefix = 10,
  kUid = 11,
  kSequence = 12,
  kGid = 14,
};

constexpr std::uint16_t kEthernetIpv4 = 0x0800;
constexpr std::uint16_t kEthernetIpv6 = 0x86dd;
constexpr std::size_t kPacketPrologue = 4;  // struct nfgenmsg

std::optional<Timestamp> time_of(netlink::Bytes bytes) {
  const auto seconds = netlink::be64(bytes);
  const auto micros = bytes.size() >= 16 ? netlink::be64(bytes.subspan(8)) : std::nullopt;
  constexpr std::uint64_t kTooLate = 1ULL << 33;
  if (!seconds || !micros || *seconds == 0 || *seconds >= kTooLate || *micros >= 1'000'000) {
    return std::nullopt;
  }
  const Timestamp time{static_cast<std::int64_t>(*seconds) * Timestamp::kTicksPerSecond +
                       static_cast<std::int64_t>(*micros) * 10};
  return is_plausible(time) ? std::optional(time) : std::nullopt;
}

void set(NflogPacket& packet, const netlink::Attribute& attribute) {
  const netlink::Bytes& bytes = attribute.payload;
  switch (attribute.type) {
    case kPacketHeader:
      if (bytes.size() < 3) return;
      packet.ethernet_type = netlink::be16(bytes).value_or(0);
      packet.hook = bytes[2];
      return;
    case kMark:
      packet.mark = netlink::be32(bytes);
      return;
    case kTime:
      packet.time = time_of(bytes);
      return;
    case kInInterface:
      packet.in_interface = netlink::be32(bytes);
      return;
    case kOutInterface:
      packet.out_interface = netlink::be32(bytes);
      return;
    case kPayload:
      packet.packet = parse_packet(bytes);
      return;
    case kPrefix:
      packet.prefix = netlink::text(bytes);
      return;
    case kUid:
      packet.uid = netlink::be32(bytes);
      return;
    case kSequence:
      packet.sequence = netlink::be32(bytes);
      return;
    case kGid:
      packet.gid = netlink::be32(bytes);
      return;
    default:
      return;
  }
}

}  // namespace

std::optional<NflogPacket> parse_nflog_packet(const netlink::Message& message) {
  if (message.payload.size() < kPacketPrologue) return std::nullopt;
  NflogPacket packet;
  packet.family = message.payload[0];
  packet.group = netlink::be16(message.payload.subspan(2)).value_or(0);
  netlink::Reader attributes(message.payload.subspan(kPacketPrologue));
  while (const auto attribute = attributes.attribute()) set(packet, *attribute);
  if (attributes.is_damaged()) return std::nullopt;
  // On a bridge it may be anything.
  if (packet.ethernet_type != kEthernetIpv4 && packet.ethernet_type != kEthernetIpv6) {
    packet.packet.reset();
  }
  return packet;
}

std::string family_name(std::uint8_t family) {
  switch (family) {
    case netfilter::kInet:
      return "inet";
    case netfilter::kIpv4:
      return "ip";
    case netfilter::kNetdev:
      return "netdev";
    case netfilter::kBridge:
      return "bridge";
    case netfilter::kIpv6:
      return "ip6";
    default:
      return std::to_string(family);
  }
}

std::string_view hook_name(std::uint8_t family, std::uint8_t hook) {
  constexpr std::array<std::string_view, 6> kNames{"prerouting", "input",       "forward",
                                                   "output",     "postrouting", "ingress"};
  constexpr std::array<std::string_view, 2> kOfDevices{"ingress", "egress"};
  if (family == netfilter::kNetdev) {
    return hook < kOfDevices.size() ? kOfDevices.at(hook) : std::string_view{};
  }
  return hook < kNames.size() ? kNames.at(hook) : std::string_view{};
}

std::optional<Direction> direction_of(const NflogPacket& packet) {
  const std::string_view hook = hook_name(packet.family, packet.hook);
  if (hook == "input" || hook == "prerouting" || hook == "ingress") return Direction::kInbound;
  if (hook == "output" || hook == "egress") return Direction::kOutbound;
  if (hook == "forward") return Direction::kForward;
  // Both what is forwarded and what this machine sends pass there.
  if (hook == "postrouting") {
    return packet.in_interface ? Direction::kForward : Direction::kOutbound;
  }
  return std::nullopt;
}

}  // namespace blockwatch
