#include "monitor/netfilter/recent_senders.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "monitor/netfilter/drop_record.h"
#include "tests/netfilter/nflog_builder.h"

namespace blockwatch {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr RecentSenders::Clock::time_point kStart{seconds(1'000)};

Packet sent_to(unsigned port, std::size_t size = 0) {
  return *parse_packet(
      bytes_of(ipv4_packet(17, udp_header(40'000, port) + std::string(size, 'x'))));
}

PacketSender process(std::uint64_t id) { return {.process_id = id, .executable = "/bin/one"}; }

TEST(RecentSendersTest, TheSenderOfAPacketIsKnownForAWhile) {
  RecentSenders senders(seconds(2), 10);
  EXPECT_EQ(senders.find(sent_to(1), kStart), nullptr);
  senders.add(sent_to(1), process(7), kStart);
  ASSERT_NE(senders.find(sent_to(1), kStart + milliseconds(1'999)), nullptr);
  EXPECT_EQ(*senders.find(sent_to(1), kStart), process(7));
  EXPECT_EQ(senders.find(sent_to(2), kStart), nullptr);
  EXPECT_EQ(senders.find(sent_to(1, 1), kStart), nullptr);
  EXPECT_EQ(senders.find(sent_to(1), kStart + seconds(2)), nullptr);
  senders.clear();
  EXPECT_EQ(senders.find(sent_to(1), kStart), nullptr);
}

TEST(RecentSendersTest, TwoProcessesOfTheSamePacketAreNone) {
  RecentSenders senders(seconds(2), 10);
  senders.add(sent_to(1), process(7), kStart);
  senders.add(sent_to(1), process(7), kStart + seconds(1));
  EXPECT_NE(senders.find(sent_to(1), kStart + seconds(2)), nullptr);
  senders.add(sent_to(1), process(8), kStart + seconds(2));
  EXPECT_EQ(senders.find(sent_to(1), kStart + seconds(2)), nullptr);
  senders.add(sent_to(1), process(8), kStart + seconds(3));
  EXPECT_EQ(senders.find(sent_to(1), kStart + seconds(3)), nullptr);
  // Once all that is over, it is known again.
  senders.add(sent_to(1), process(8), kStart + seconds(5));
  EXPECT_EQ(*senders.find(sent_to(1), kStart + seconds(5)), process(8));
}

// Against a list of everything that was sent.
TEST(RecentSendersTest, NeverTheSenderOfAnotherPacketAndNeverMoreMemory) {
  struct Sent {
    unsigned port;
    std::uint64_t process;
    RecentSenders::Clock::time_point time;
  };
  constexpr std::size_t kMost = 50;
  std::mt19937 random(1);
  const auto below = [&random](unsigned n) { return static_cast<unsigned>(random() % n); };
  RecentSenders senders(seconds(2), kMost);
  std::vector<Sent> all;
  auto time = kStart;
  int found = 0;
  for (int i = 0; i < 50'000; ++i) {
    time += milliseconds(below(40));
    const unsigned port = below(i % 5'000 < 2'500 ? 40 : 1'000);
    if (below(2) == 0) {
      all.push_back({port, below(10) == 0 ? 1 + below(3) : 100 + port, time});
      senders.add(sent_to(port), process(all.back().process), time);
      ASSERT_LE(senders.size(), 2 * kMost);
      continue;
    }
    const auto sender = senders.find(sent_to(port), time);
    if (sender == nullptr) continue;
    ++found;
    bool sent = false;
    for (auto one = all.rbegin(); one != all.rend() && time - one->time < seconds(2); ++one) {
      if (one->port != port) continue;
      EXPECT_EQ(one->process, sender->process_id);
      sent = true;
    }
    EXPECT_TRUE(sent);
  }
  EXPECT_GT(found, 1'000);
}

class DropRecordTest : public testing::Test {
 protected:
  void set(const std::string& packet, const std::string& names) {
    record_.packet_size = static_cast<unsigned short>(
        packet.copy(reinterpret_cast<char*>(record_.packet), sizeof record_.packet));
    record_.names_size =
        static_cast<unsigned short>(names.copy(record_.names, sizeof record_.names));
  }
  std::optional<DroppedPacket> parse(std::size_t size = sizeof(DropRecord)) const {
    return parse_drop_record({reinterpret_cast<const std::uint8_t*>(&record_), size});
  }

  DropRecord record_{.time = 5, .process = 77, .protocol = 17, .port = 1};
};

TEST_F(DropRecordTest, APacketAndItsSender) {
  const std::string packet = ipv6_packet(17, udp_header(1, 2));
  set(packet, std::string("python3.11\0bin\0usr\0", 19));
  const auto dropped = parse();
  ASSERT_TRUE(dropped);
  EXPECT_EQ(dropped->sender, (PacketSender{77, "/usr/bin/python3.11"}));
  EXPECT_EQ(dropped->time, 5U);
  std::string key;
  std::string logged;
  append_flow(dropped->packet, key);
  append_flow(*parse_packet(bytes_of(packet)), logged);
  EXPECT_EQ(key, logged);
}

TEST_F(DropRecordTest, WhatIsNotWholeIsNotBelieved) {
  set(ipv4_packet(17, udp_header(1, 2)), std::string("cut off", 7));
  EXPECT_EQ(parse()->sender.executable, "");
  EXPECT_FALSE(parse(sizeof(DropRecord) - 1));
  set("no packet", {});
  EXPECT_FALSE(parse());
  // Of the tunnel that the packet went into.
  set(ipv4_packet(17, udp_header(4'500, 2)), {});
  EXPECT_FALSE(parse());
  set(ipv4_packet(50, udp_header(1, 2)), {});
  EXPECT_FALSE(parse());
  // Sizes beyond their room.
  set(ipv4_packet(17, udp_header(1, 2)), {});
  record_.packet_size = record_.names_size = 0xffff;
  EXPECT_TRUE(parse());
}

}  // namespace
}  // namespace blockwatch
