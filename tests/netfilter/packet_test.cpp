#include "monitor/netfilter/packet.h"

#include <gtest/gtest.h>

#include <random>
#include <utility>
#include <vector>

#include "tests/netfilter/packet_builder.h"

namespace blockwatch {
namespace {

std::optional<Packet> parse(const std::string& bytes) {
  // Of exactly that size, so that a sanitizer sees a byte too far.
  const std::vector<std::uint8_t> exact(bytes.begin(), bytes.end());
  return parse_packet(exact);
}

TEST(PacketTest, ReadsPortsOfIpv4) {
  const auto packet = parse(ipv4_packet(17, udp_header(40'000, 53)));
  ASSERT_TRUE(packet);
  EXPECT_EQ(format_ip_address(packet->source), "10.77.0.1");
  EXPECT_EQ(format_ip_address(packet->destination), "10.77.0.2");
  EXPECT_EQ(packet->protocol, 17);
  EXPECT_EQ(packet->source_port, 40'000);
  EXPECT_EQ(packet->destination_port, 53);
  EXPECT_EQ(packet->length, 28U);
  EXPECT_FALSE(packet->is_fragment || packet->is_cut);
}

TEST(PacketTest, SkipsOptionsOfIpv4) {
  const auto packet = parse(ipv4_packet(6, tcp_header(1, 443, 0x02), 0, std::string(8, '\1')));
  ASSERT_TRUE(packet);
  EXPECT_EQ(packet->destination_port, 443);
  EXPECT_EQ(packet->tcp_flags, 0x02);
}

TEST(PacketTest, FindsThePortsBehindEveryHeaderOfIpv6) {
  const std::string chain = options_header(43, 2) + options_header(60) + options_header(51) +
                            authentication_header(44) + fragment_header(6, 1) +
                            tcp_header(50'000, 22, 0x12);
  const auto packet = parse(ipv6_packet(0, chain));
  ASSERT_TRUE(packet);
  EXPECT_EQ(format_ip_address(packet->source), "fd77::1");
  EXPECT_EQ(packet->protocol, 6);
  EXPECT_EQ(packet->destination_port, 22);
  EXPECT_EQ(packet->tcp_flags, 0x12);
  EXPECT_TRUE(packet->is_fragment);  // more follow
  EXPECT_FALSE(packet->is_cut);
}

TEST(PacketTest, LaterFragmentsHaveNoPorts) {
  const auto v4 = parse(ipv4_packet(17, udp_header(1, 2), 0x2001));
  const auto v6 = parse(ipv6_packet(44, fragment_header(17, 8) + udp_header(1, 2)));
  for (const auto& packet : {v4, v6}) {
    ASSERT_TRUE(packet);
    EXPECT_EQ(packet->protocol, 17);
    EXPECT_TRUE(packet->is_fragment);
    EXPECT_FALSE(packet->source_port);
    EXPECT_FALSE(opens_flow(*packet));
  }
  const auto whole = parse(ipv6_packet(44, fragment_header(17, 0) + udp_header(1, 2)));
  ASSERT_TRUE(whole);
  EXPECT_FALSE(whole->is_fragment);
  EXPECT_EQ(whole->destination_port, 2);
}

TEST(PacketTest, AHeaderThatLiesAboutItsLengthEndsTheWalk) {
  const std::string too_long = options_header(17, 200).substr(0, 16);
  const std::string cut = authentication_header(17).substr(0, 12);
  const std::vector<std::pair<unsigned, std::string>> chains{
      {0, too_long}, {43, too_long}, {60, too_long}, {0, "\x11"},
      {60, ""},      {44, "\x11"},   {51, cut}};
  for (const auto& [next, payload] : chains) {
    const auto packet = parse(ipv6_packet(next, payload));
    ASSERT_TRUE(packet);
    EXPECT_TRUE(packet->is_cut);
    EXPECT_FALSE(packet->source_port);
    EXPECT_FALSE(opens_flow(*packet));
  }
}

TEST(PacketTest, WhatIsNoIpIsRefused) {
  EXPECT_FALSE(parse(""));
  EXPECT_FALSE(parse(std::string(60, '\x50')));
  EXPECT_FALSE(parse(ipv4_packet(17, "").substr(0, 19)));
  EXPECT_FALSE(parse(ipv6_packet(17, "").substr(0, 39)));
  EXPECT_FALSE(parse(std::string("\x44") + std::string(30, '\0')));  // header of 16 bytes
  EXPECT_FALSE(parse(std::string("\x4f") + std::string(30, '\0')));  // of 60, with 31 there
}

TEST(PacketTest, WhatAsksForSomethingNewOpensAFlow) {
  const auto opens = [](const std::string& bytes) { return opens_flow(*parse(bytes)); };
  EXPECT_TRUE(opens(ipv4_packet(6, tcp_header(1, 2, 0x02))));
  EXPECT_TRUE(opens(ipv4_packet(6, tcp_header(1, 2, 0xc2))));  // with ECN
  EXPECT_FALSE(opens(ipv4_packet(6, tcp_header(1, 2, 0x12))));
  EXPECT_FALSE(opens(ipv4_packet(6, tcp_header(1, 2, 0x10))));
  EXPECT_FALSE(opens(ipv4_packet(6, tcp_header(1, 2, 0x04))));
  EXPECT_FALSE(opens(ipv4_packet(6, ports_text(1, 2))));  // the flags are cut off
  EXPECT_TRUE(opens(ipv4_packet(132, sctp_header(1, 2, 1))));
  EXPECT_FALSE(opens(ipv4_packet(132, sctp_header(1, 2, 0))));
  EXPECT_TRUE(opens(ipv4_packet(1, icmp_header(8, 0))));
  EXPECT_FALSE(opens(ipv4_packet(1, icmp_header(0, 0))));
  EXPECT_FALSE(opens(ipv4_packet(1, icmp_header(3, 1))));
  EXPECT_FALSE(opens(ipv4_packet(1, "")));
  EXPECT_TRUE(opens(ipv6_packet(58, icmp_header(128, 0))));
  EXPECT_FALSE(opens(ipv6_packet(58, icmp_header(129, 0))));
  EXPECT_FALSE(opens(ipv6_packet(58, icmp_header(1, 4))));
  EXPECT_TRUE(opens(ipv4_packet(17, udp_header(1, 2))));
  EXPECT_TRUE(opens(ipv4_packet(47, "")));
}

// Whatever the bytes are: reading ends within them, and less of a packet never tells more of it.
TEST(PacketTest, EveryPrefixAndEveryMutationIsReadWithinItsBytes) {
  std::mt19937 random(20'260'101);
  const std::string chain = options_header(60) + options_header(44, 3) + fragment_header(51, 1) +
                            authentication_header(132) + sctp_header(5, 6, 1);
  for (std::string bytes : {ipv4_packet(6, tcp_header(1, 2, 2), 0, std::string(40, '\1')),
                            ipv6_packet(0, chain), ipv4_packet(1, icmp_header(3, 1))}) {
    const auto whole = parse(bytes);
    ASSERT_TRUE(whole);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      const auto part = parse(bytes.substr(0, size));
      if (!part) continue;
      EXPECT_EQ(part->source, whole->source);
      if (part->source_port) {
        EXPECT_EQ(part->source_port, whole->source_port);
      }
    }
    for (int i = 0; i < 20'000; ++i) {
      std::string changed = bytes;
      for (int n = 0; n < 3; ++n) changed[random() % changed.size()] = static_cast<char>(random());
      changed.resize(random() % (changed.size() + 1));
      if (const auto packet = parse(changed)) (void)opens_flow(*packet);
    }
  }
}

}  // namespace
}  // namespace blockwatch
