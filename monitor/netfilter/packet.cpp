#include "monitor/netfilter/packet.h"

#include <algorithm>
#include <array>

#include "monitor/netfilter/netlink.h"

namespace blockwatch {
namespace {

using netlink::Bytes;

// IANA numbers.
constexpr std::uint8_t kHopByHop = 0;
constexpr std::uint8_t kIcmp = 1;
constexpr std::uint8_t kTcp = 6;
constexpr std::uint8_t kUdp = 17;
constexpr std::uint8_t kDccp = 33;
constexpr std::uint8_t kRouting = 43;
constexpr std::uint8_t kFragment = 44;
constexpr std::uint8_t kAuthentication = 51;
constexpr std::uint8_t kIcmp6 = 58;
constexpr std::uint8_t kDestinationOptions = 60;
constexpr std::uint8_t kSctp = 132;
constexpr std::uint8_t kUdpLite = 136;

constexpr std::uint8_t kSyn = 0x02;
constexpr std::uint8_t kRst = 0x04;
constexpr std::uint8_t kAck = 0x10;
constexpr std::uint8_t kSctpInit = 1;

std::uint16_t be16(Bytes bytes, std::size_t at) {
  return static_cast<std::uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}

std::optional<std::uint8_t> byte_at(Bytes bytes, std::size_t at) {
  if (at >= bytes.size()) return std::nullopt;
  return bytes[at];
}

IpAddress v4_at(Bytes bytes, std::size_t at) {
  return IpAddress::v4(std::uint32_t{be16(bytes, at)} << 16 | be16(bytes, at + 2));
}

IpAddress v6_at(Bytes bytes, std::size_t at) {
  IpAddress address;
  std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), 16, address.bytes.begin());
  return address;
}

bool has_ports(std::uint8_t protocol) {
  return protocol == kTcp || protocol == kUdp || protocol == kDccp || protocol == kSctp ||
         protocol == kUdpLite;
}

void read_transport(Bytes bytes, Packet& packet) {
  if (packet.protocol == kIcmp || packet.protocol == kIcmp6) {
    packet.is_cut = bytes.size() < 2;
    if (packet.is_cut) return;
    packet.icmp_type = bytes[0];
    packet.icmp_code = bytes[1];
  } else if (has_ports(packet.protocol)) {
    packet.is_cut = bytes.size() < 4;
    if (packet.is_cut) return;
    packet.source_port = be16(bytes, 0);
    packet.destination_port = be16(bytes, 2);
    if (packet.protocol == kTcp) packet.tcp_flags = byte_at(bytes, 13);
    if (packet.protocol == kSctp) packet.sctp_chunk = byte_at(bytes, 12);
  }
}

// Walks over the headers between IP's own and the one that has the ports.
void read_payload(Bytes bytes, Packet& packet) {
  while (true) {
    std::size_t size = 0;
    switch (packet.protocol) {
      case kHopByHop:
      case kRouting:
      case kDestinationOptions:
        if (bytes.size() >= 8) size = (std::size_t{bytes[1]} + 1) * 8;
        break;
      case kAuthentication:
        if (bytes.size() >= 8) size = (std::size_t{bytes[1]} + 2) * 4;
        break;
      case kFragment:
        if (bytes.size() >= 8) size = 8;
        break;
      default:
        read_transport(bytes, packet);
        return;
    }
    if (size == 0 || size > bytes.size()) {
      packet.is_cut = true;
      return;
    }
    const bool fragment = packet.protocol == kFragment;
    const unsigned offset = fragment ? be16(bytes, 2) : 0;
    packet.is_fragment = packet.is_fragment || (offset & 0xfff9U) != 0;
    packet.protocol = bytes[0];
    if ((offset & 0xfff8U) != 0) return;  // what follows is the middle of something
    bytes = bytes.subspan(size);
  }
}

std::optional<Packet> parse_v4(Bytes bytes) {
  if (bytes.size() < 20) return std::nullopt;
  const std::size_t header = (bytes[0] & 15U) * std::size_t{4};
  if (header < 20 || header > bytes.size()) return std::nullopt;
  Packet packet{.source = v4_at(bytes, 12),
                .destination = v4_at(bytes, 16),
                .protocol = bytes[9],
                .length = be16(bytes, 2)};
  const unsigned offset = be16(bytes, 6);
  packet.is_fragment = (offset & 0x3fffU) != 0;
  if ((offset & 0x1fffU) != 0) return packet;
  // The same numbers mean other things than in IPv6, but for this one.
  if (packet.protocol == kAuthentication) {
    read_payload(bytes.subspan(header), packet);
  } else {
    read_transport(bytes.subspan(header), packet);
  }
  return packet;
}

std::optional<Packet> parse_v6(Bytes bytes) {
  if (bytes.size() < 40) return std::nullopt;
  Packet packet{.source = v6_at(bytes, 8), .destination = v6_at(bytes, 24), .protocol = bytes[6]};
  const std::uint32_t payload = be16(bytes, 4);
  packet.length = payload == 0 ? 0 : payload + 40;
  read_payload(bytes.subspan(40), packet);
  return packet;
}

}  // namespace

std::optional<Packet> parse_packet(Bytes bytes) {
  if (bytes.empty()) return std::nullopt;
  if (bytes[0] >> 4 == 4) return parse_v4(bytes);
  if (bytes[0] >> 4 == 6) return parse_v6(bytes);
  return std::nullopt;
}

bool opens_flow(const Packet& packet) {
  // Echo, timestamp, information and mask requests; router and group messages of ICMPv6.
  constexpr std::array<std::uint8_t, 5> kIcmpRequests{8, 10, 13, 15, 17};
  constexpr std::uint8_t kFirstIcmp6Message = 128;
  constexpr std::uint8_t kIcmp6EchoReply = 129;
  switch (packet.protocol) {
    case kTcp:
      return packet.tcp_flags && (*packet.tcp_flags & (kSyn | kAck | kRst)) == kSyn;
    case kSctp:
      return packet.sctp_chunk == kSctpInit;
    case kIcmp:
      return packet.icmp_type &&
             std::ranges::find(kIcmpRequests, *packet.icmp_type) != kIcmpRequests.end();
    case kIcmp6:
      return packet.icmp_type && *packet.icmp_type >= kFirstIcmp6Message &&
             *packet.icmp_type != kIcmp6EchoReply;
    default:
      // A later fragment has no ports; neither has a protocol without any.
      return !packet.is_cut && (!packet.is_fragment || packet.source_port.has_value());
  }
}

void append_flow(const Packet& packet, std::string& key) {
  for (const IpAddress* address : {&packet.source, &packet.destination}) {
    key.append(reinterpret_cast<const char*>(address->bytes.data()), address->bytes.size());
  }
  append_number(std::uint32_t{packet.protocol} << 24 | (opens_flow(packet) ? 1U : 0U) << 16 |
                    std::uint32_t{packet.icmp_type.value_or(0)} << 8 | packet.icmp_code.value_or(0),
                key);
  append_number(
      std::uint32_t{packet.source_port.value_or(0)} << 16 | packet.destination_port.value_or(0),
      key);
}

void append_number(std::uint32_t number, std::string& key) {
  for (int i = 0; i < 4; ++i) key += static_cast<char>(number >> (8 * i) & 0xff);
}

}  // namespace blockwatch
