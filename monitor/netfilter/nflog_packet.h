#pragma once
// A packet that netfilter logged to a group (NFLOG), as its message tells it. Pure.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "monitor/netfilter/netlink.h"
#include "monitor/netfilter/packet.h"
#include "storage/event.h"
#include "storage/timestamp.h"

namespace blockwatch {

// Numbers of <linux/netfilter.h>: families of rules and hooks.
namespace netfilter {
inline constexpr std::uint8_t kInet = 1;  // rules of both IPv4 and IPv6; no packet is of it
inline constexpr std::uint8_t kIpv4 = 2;
inline constexpr std::uint8_t kNetdev = 5;
inline constexpr std::uint8_t kBridge = 7;
inline constexpr std::uint8_t kIpv6 = 10;
inline constexpr std::uint8_t kLocalIn = 1;
inline constexpr std::uint8_t kForward = 2;
inline constexpr std::uint8_t kLocalOut = 3;
}  // namespace netfilter

// The process that sent a packet, where the system told at that moment.
struct PacketSender {
  std::uint64_t process_id = 0;
  std::string executable;  // empty: not known

  bool operator==(const PacketSender&) const = default;
};

struct NflogPacket {
  std::uint8_t family = 0;
  std::uint16_t group = 0;
  std::uint8_t hook = 0;
  std::uint16_t ethernet_type = 0;        // 0x0800, 0x86dd, ...
  std::optional<std::uint32_t> sequence;  // counts what was logged to the group
  std::optional<Timestamp> time;          // none for packets of this machine
  std::optional<std::uint32_t> in_interface;
  std::optional<std::uint32_t> out_interface;
  std::optional<std::uint32_t> mark;
  std::optional<std::uint32_t> uid;  // of the socket that sends
  std::optional<std::uint32_t> gid;
  std::string prefix;                          // of the rule
  std::optional<Packet> packet;                // none: no IP
  std::shared_ptr<const PacketSender> sender;  // not in the message; null: not known
};

// `message` is of the type kNflogPacketType. nullopt: it contradicts itself.
std::optional<NflogPacket> parse_nflog_packet(const netlink::Message& message);
inline constexpr std::uint16_t kNflogPacketType = 4 << 8;
inline constexpr std::uint16_t kNflogConfigType = 4 << 8 | 1;

// "inet", "ip", ... as nft writes it; the number where it has no name.
std::string family_name(std::uint8_t family);
// "input", "forward", "output", ...; empty for a number without a name.
std::string_view hook_name(std::uint8_t family, std::uint8_t hook);
std::optional<Direction> direction_of(const NflogPacket& packet);

}  // namespace blockwatch
