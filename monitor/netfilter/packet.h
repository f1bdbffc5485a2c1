#pragma once
// What an IP packet tells of its flow. Pure; the bytes come from a network and are checked.

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "storage/ip_address.h"

namespace blockwatch {

struct Packet {
  IpAddress source;
  IpAddress destination;
  std::uint8_t protocol = 0;  // behind the extension headers of IPv6
  std::uint32_t length = 0;   // of the whole packet, as its header says; 0: a jumbogram
  bool is_fragment = false;   // of a larger one; only the first has ports
  bool is_cut = false;        // the bytes end before the ports, or what stands there
  std::optional<std::uint16_t> source_port;
  std::optional<std::uint16_t> destination_port;
  std::optional<std::uint8_t> icmp_type;
  std::optional<std::uint8_t> icmp_code;
  std::optional<std::uint8_t> tcp_flags;
  std::optional<std::uint8_t> sctp_chunk;  // type of the first one
};

// Both make keys of tables: bytes that stand for a value.
void append_number(std::uint32_t number, std::string& key);
// Appends what tells its flow from others: addresses, protocol, ports or kind of message, and
// whether it opens one.
void append_flow(const Packet& packet, std::string& key);

// nullopt: neither an IPv4 nor an IPv6 header.
std::optional<Packet> parse_packet(std::span<const std::uint8_t> bytes);

// Does it ask for something new? A TCP SYN, an SCTP INIT, an ICMP request, a datagram; not an
// answer, an error, a later fragment, or what belongs to a connection that stands.
bool opens_flow(const Packet& packet);

}  // namespace blockwatch
