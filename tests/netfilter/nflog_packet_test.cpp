#include "monitor/netfilter/nflog_packet.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "tests/netfilter/nflog_builder.h"

namespace blockwatch {
namespace {

TEST(NetlinkTest, WhatIsWrittenIsReadBack) {
  const std::string bytes = netlink::Writer(7, 0x301, 99)
                                .netfilter(2, 8470)
                                .u8(1, 5)
                                .be16(2, 0x1234)
                                .begin(3)
                                .be64(4, 0x0102030405060708)
                                .bytes(5, "text")
                                .end()
                                .finish();
  const std::string two = bytes + bytes;
  netlink::Reader messages(bytes_of(two));
  for (int i = 0; i < 2; ++i) {
    const auto message = messages.message();
    ASSERT_TRUE(message);
    EXPECT_EQ(message->type, 7);
    EXPECT_EQ(message->flags, 0x301);
    EXPECT_EQ(message->sequence, 99U);
    EXPECT_EQ(netlink::be16(message->payload.subspan(2)), 8470);
    netlink::Reader attributes(message->payload.subspan(4));
    EXPECT_EQ(attributes.attribute()->payload[0], 5);
    EXPECT_EQ(netlink::be16(attributes.attribute()->payload), 0x1234);
    const auto nest = attributes.attribute();
    ASSERT_TRUE(nest);
    EXPECT_EQ(nest->type, 3);
    netlink::Reader inner(nest->payload);
    EXPECT_EQ(netlink::be64(inner.attribute()->payload), 0x0102030405060708U);
    EXPECT_EQ(netlink::text(inner.attribute()->payload), "text");
    EXPECT_FALSE(inner.attribute());
    EXPECT_FALSE(inner.is_damaged() || attributes.is_damaged());
  }
  EXPECT_FALSE(messages.message());
  EXPECT_FALSE(messages.is_damaged());
}

TEST(NetlinkTest, LengthsThatLieAreDamage) {
  std::string bytes = netlink::Writer(7, 0).be32(1, 2).finish();
  for (const char length : {'\0', '\x0f', '\x19', '\x7f'}) {
    std::string changed = bytes;
    changed[0] = length;
    netlink::Reader reader(bytes_of(changed));
    EXPECT_FALSE(reader.message());
    EXPECT_TRUE(reader.is_damaged());
  }
  for (const char length : {'\0', '\3', '\x9'}) {
    std::string changed = bytes.substr(16);
    changed[0] = length;
    netlink::Reader reader(bytes_of(changed));
    EXPECT_FALSE(reader.attribute());
    EXPECT_TRUE(reader.is_damaged());
  }
  const std::string cut = bytes.substr(0, 15);
  netlink::Reader reader(bytes_of(cut));
  EXPECT_FALSE(reader.message());
  EXPECT_TRUE(reader.is_damaged());
}

TEST(NflogPacketTest, EveryAttributeHasItsField) {
  const auto packet = parse_logged(nflog_message({.family = netfilter::kIpv6,
                                                  .group = 77,
                                                  .hook = netfilter::kLocalOut,
                                                  .ethernet_type = 0x86dd,
                                                  .sequence = 0xfffffffe,
                                                  .seconds = 1'700'000'000,
                                                  .uid = 1000,
                                                  .prefix = "out ",
                                                  .payload = ipv6_packet(17, udp_header(1, 53))}));
  ASSERT_TRUE(packet);
  EXPECT_EQ(packet->family, netfilter::kIpv6);
  EXPECT_EQ(packet->group, 77);
  EXPECT_EQ(packet->hook, netfilter::kLocalOut);
  EXPECT_EQ(packet->ethernet_type, 0x86dd);
  EXPECT_EQ(packet->sequence, 0xfffffffe);
  EXPECT_EQ(packet->time, Timestamp{17'000'000'000'000'050});
  EXPECT_EQ(packet->uid, 1000U);
  EXPECT_EQ(packet->gid, 1000U);
  EXPECT_EQ(packet->prefix, "out ");
  EXPECT_EQ(packet->out_interface, 2U);
  EXPECT_FALSE(packet->in_interface);
  ASSERT_TRUE(packet->packet);
  EXPECT_EQ(packet->packet->destination_port, 53);
}

TEST(NflogPacketTest, WhatIsNoIpIsNotReadAsSuch) {
  // The tag of a VLAN comes first, and may begin like IPv6.
  const auto tagged = parse_logged(
      nflog_message({.family = netfilter::kBridge,
                     .ethernet_type = 0x8100,
                     .payload = "\x60\x05\x86\xdd" + ipv6_packet(17, udp_header(1, 2))}));
  ASSERT_TRUE(tagged);
  EXPECT_FALSE(tagged->packet);
}

TEST(NflogPacketTest, AnImplausibleTimeIsNone) {
  for (const std::uint64_t seconds : {0ULL, 1ULL << 32, 0xffffffffffULL}) {
    const auto packet = parse_logged(nflog_message({.seconds = seconds}));
    ASSERT_TRUE(packet);
    EXPECT_FALSE(packet->time) << seconds;
  }
}

TEST(NflogPacketTest, TheHookTellsTheDirection) {
  const auto direction = [](std::uint8_t family, std::uint8_t hook, bool came_in) {
    NflogPacket packet{.family = family, .hook = hook};
    if (came_in) packet.in_interface = 3;
    return direction_of(packet);
  };
  EXPECT_EQ(direction(netfilter::kIpv4, 0, true), Direction::kInbound);
  EXPECT_EQ(direction(netfilter::kIpv4, 1, true), Direction::kInbound);
  EXPECT_EQ(direction(netfilter::kIpv6, 2, true), Direction::kForward);
  EXPECT_EQ(direction(netfilter::kIpv6, 3, false), Direction::kOutbound);
  EXPECT_EQ(direction(netfilter::kIpv4, 4, false), Direction::kOutbound);
  EXPECT_EQ(direction(netfilter::kIpv4, 4, true), Direction::kForward);
  EXPECT_EQ(direction(netfilter::kIpv4, 5, true), Direction::kInbound);
  EXPECT_EQ(direction(netfilter::kNetdev, 0, true), Direction::kInbound);
  EXPECT_EQ(direction(netfilter::kNetdev, 1, true), Direction::kOutbound);
  EXPECT_EQ(direction(netfilter::kIpv4, 9, true), std::nullopt);
}

TEST(NflogPacketTest, EveryPrefixAndEveryMutationIsReadWithinItsBytes) {
  std::mt19937 random(20'260'102);
  const std::string message = nflog_message({.seconds = 1'700'000'000, .uid = 0});
  for (std::size_t size = 0; size < message.size(); ++size) {
    const std::string cut(message.data(), size);
    EXPECT_FALSE(parse_logged(cut)) << size;
  }
  for (int i = 0; i < 50'000; ++i) {
    std::string changed = message;
    for (int n = 0; n < 3; ++n) changed[random() % changed.size()] = static_cast<char>(random());
    const auto packet = parse_logged(changed);
    if (packet && packet->time) {
      EXPECT_TRUE(is_plausible(*packet->time));
    }
  }
}

}  // namespace
}  // namespace blockwatch
