#pragma once
// Messages of netfilter's for tests: logged packets, and rules as the system lists them.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "monitor/netfilter/log_rules.h"
#include "monitor/netfilter/nflog_packet.h"
#include "tests/netfilter/packet_builder.h"

namespace blockwatch {

struct LoggedPacket {
  std::uint8_t family = netfilter::kIpv4;
  std::uint16_t group = 8470;
  std::uint8_t hook = netfilter::kLocalIn;
  std::uint16_t ethernet_type = 0x0800;
  std::optional<std::uint32_t> sequence = 0;
  std::optional<std::uint64_t> seconds;
  std::optional<std::uint32_t> uid;
  std::string prefix = "drop";
  std::string payload = ipv4_packet(17, udp_header(40'000, 53));
};

inline std::string nflog_message(const LoggedPacket& packet) {
  netlink::Writer writer(kNflogPacketType, 0);
  writer.netfilter(packet.family, packet.group);
  writer.bytes(1, be16_text(packet.ethernet_type) + static_cast<char>(packet.hook) + '\0');
  writer.be32(packet.hook == netfilter::kLocalOut ? 5 : 4, 2);
  if (packet.seconds) {
    writer.bytes(3, std::string(3, '\0') + static_cast<char>(*packet.seconds >> 32 & 0xff) +
                        be16_text(static_cast<unsigned>(*packet.seconds >> 16 & 0xffff)) +
                        be16_text(static_cast<unsigned>(*packet.seconds & 0xffff)) +
                        std::string(4, '\0') + be16_text(0) + be16_text(5));
  }
  if (packet.uid) writer.be32(11, *packet.uid).be32(14, *packet.uid);
  if (packet.sequence) writer.be32(12, *packet.sequence);
  writer.bytes(10, packet.prefix + '\0');
  writer.bytes(9, packet.payload);
  return writer.finish();
}

inline std::string chain_message(std::uint8_t family, const std::string& table,
                                 const std::string& chain, std::optional<std::uint8_t> hook) {
  netlink::Writer writer(kNewChainType, 0);
  writer.netfilter(family, 0).bytes(1, table + '\0').bytes(3, chain + '\0');
  if (hook) writer.begin(4).be32(1, *hook).be32(2, 0).end();
  return writer.finish();
}

// Expressions as nft writes them.
using Expressions = std::function<void(netlink::Writer&)>;
inline void put_expression(
    netlink::Writer& writer, const std::string& name,
    const Expressions& data = [](netlink::Writer&) {}) {
  writer.begin(1).bytes(1, name + '\0').begin(2);
  data(writer);
  writer.end().end();
}
inline void put_log(netlink::Writer& writer, std::uint16_t group, const std::string& prefix) {
  put_expression(writer, "log",
                 [&](netlink::Writer& log) { log.bytes(2, prefix + '\0').be16(1, group); });
}
inline void put_verdict(netlink::Writer& writer, std::uint32_t code) {
  put_expression(writer, "immediate", [&](netlink::Writer& immediate) {
    immediate.be32(1, 0).begin(2).begin(2).be32(1, code).end().end();
  });
}

inline std::string rule_message(std::uint8_t family, const std::string& table,
                                const std::string& chain, std::uint64_t handle,
                                const Expressions& expressions) {
  netlink::Writer writer(kNewRuleType, 0);
  writer.netfilter(family, 0).bytes(1, table + '\0').bytes(2, chain + '\0').be64(3, handle);
  writer.begin(4);
  expressions(writer);
  return writer.end().finish();
}

inline std::string generation_message(std::uint32_t id) {
  return netlink::Writer(kNewGenerationType, 0).netfilter(0, 0).be32(1, id).finish();
}

// What an acknowledgement or the end of a listing looks like.
inline std::string error_message(std::int32_t code) {
  const auto bits = static_cast<std::uint32_t>(code);
  std::string bytes;
  for (int i = 0; i < 4; ++i) bytes += static_cast<char>(bits >> (8 * i) & 0xff);
  return netlink::Writer(netlink::kError, 0).raw(bytes + std::string(16, '\0')).finish();
}

inline netlink::Bytes bytes_of(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

inline std::optional<NflogPacket> parse_logged(const std::string& bytes) {
  netlink::Reader reader(bytes_of(bytes));
  const auto message = reader.message();
  return message ? parse_nflog_packet(*message) : std::nullopt;
}

}  // namespace blockwatch
