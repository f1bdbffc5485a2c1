#include "monitor/netfilter/flow_fold.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/netfilter/nflog_builder.h"

namespace blockwatch {
namespace {

using std::chrono::seconds;

NflogPacket packet_to(unsigned port, std::uint32_t sequence = 0) {
  return *parse_logged(
      nflog_message({.sequence = sequence, .payload = ipv4_packet(17, udp_header(40'000, port))}));
}

TEST(FlowFoldTest, RepeatsAreCountedUntilTheWindowIsOver) {
  FlowFold fold(seconds(60), 100);
  FlowFold::Clock::time_point now{};
  EXPECT_TRUE(fold.begins(packet_to(1), now));
  EXPECT_TRUE(fold.begins(packet_to(2), now));
  EXPECT_FALSE(fold.begins(packet_to(1, 5), now));
  EXPECT_FALSE(fold.begins(packet_to(1, 6), now + seconds(59)));
  EXPECT_TRUE(fold.due(now + seconds(59)).empty());
  const auto due = fold.due(now + seconds(60));
  ASSERT_EQ(due.size(), 1U);
  EXPECT_EQ(due[0].count, 2U);
  EXPECT_EQ(due[0].last.sequence, 6U);
  // The one that repeated goes on, the other is new again.
  EXPECT_FALSE(fold.begins(packet_to(1), now + seconds(61)));
  EXPECT_TRUE(fold.begins(packet_to(2), now + seconds(61)));
  EXPECT_EQ(fold.drain().size(), 1U);
  EXPECT_TRUE(fold.begins(packet_to(1), now + seconds(62)));
}

TEST(FlowFoldTest, WhatTellsFlowsApart) {
  FlowFold fold(seconds(60), 100);
  const FlowFold::Clock::time_point now{};
  const auto begins = [&](const LoggedPacket& packet) {
    return fold.begins(*parse_logged(nflog_message(packet)), now);
  };
  EXPECT_TRUE(begins({}));
  EXPECT_FALSE(begins({.sequence = 9, .seconds = 1'700'000'000}));
  EXPECT_TRUE(begins({.prefix = "other"}));
  EXPECT_TRUE(begins({.hook = netfilter::kLocalOut}));
  EXPECT_TRUE(begins({.payload = ipv4_packet(6, tcp_header(40'000, 53, 2))}));
  EXPECT_TRUE(begins({.payload = ipv4_packet(6, tcp_header(40'000, 53, 16))}));  // no SYN
  EXPECT_FALSE(begins({.payload = ipv4_packet(6, tcp_header(40'000, 53, 17))}));
  EXPECT_TRUE(begins({.payload = ipv4_packet(1, icmp_header(8, 0))}));
  EXPECT_TRUE(begins({.payload = ipv4_packet(1, icmp_header(3, 1))}));
  EXPECT_TRUE(begins({.payload = ""}));
}

TEST(FlowFoldTest, BeyondItsRoomTheOldestAreToldOfEarly) {
  FlowFold fold(seconds(60), 2);
  const FlowFold::Clock::time_point now{};
  fold.begins(packet_to(1), now);
  fold.begins(packet_to(1), now);
  fold.begins(packet_to(2), now);
  EXPECT_TRUE(fold.begins(packet_to(3), now));
  const auto due = fold.due(now);
  ASSERT_EQ(due.size(), 1U);
  EXPECT_EQ(due[0].last.packet->destination_port, 1);
  EXPECT_TRUE(fold.begins(packet_to(1), now));
}

// Whatever comes when: each packet is told of once, alone or among repeats.
TEST(FlowFoldTest, NothingIsLostAndNothingDoubled) {
  std::mt19937 random(20'260'103);
  FlowFold fold(seconds(10), 50);
  FlowFold::Clock::time_point now{};
  std::vector<std::uint64_t> sent(120);
  std::vector<std::uint64_t> told(120);
  const auto tell = [&](const std::vector<FlowFold::Repeats>& all) {
    for (const auto& [last, count] : all) {
      EXPECT_GT(count, 0U);
      told.at(*last.packet->destination_port) += count;
    }
  };
  for (int i = 0; i < 20'000; ++i) {
    const auto port = static_cast<unsigned>(random() % (i % 2 == 0 ? 120 : 10));
    ++sent.at(port);
    if (fold.begins(packet_to(port), now)) ++told.at(port);
    now += std::chrono::milliseconds(random() % 40);
    if (random() % 50 == 0) tell(fold.due(now));
  }
  tell(fold.drain());
  EXPECT_EQ(told, sent);
}

TEST(SipHashTest, EachHasAKeyOfItsOwn) {
  const SipHash one;
  const SipHash other;
  EXPECT_EQ(one("a flow"), one("a flow"));
  EXPECT_NE(one("a flow"), one("a flov"));
  EXPECT_NE(one(std::string_view("\0", 1)), one(std::string_view("\0\0", 2)));
  EXPECT_NE(one("a flow"), other("a flow"));
}

}  // namespace
}  // namespace blockwatch
