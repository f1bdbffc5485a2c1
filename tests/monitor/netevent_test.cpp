#include "monitor/netevent.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "monitor/names/system_names.h"
#include "monitor/netevent_position.h"
#include "monitor/netevent_queue.h"
#include "monitor/winlog/explain.h"
#include "monitor/winlog/filter.h"
#include "tests/monitor/fake_net_events.h"

namespace blockwatch {
namespace {

namespace flag = net_event_flag;
using testing::HasSubstr;
using testing::IsEmpty;

class NetEventTest : public testing::Test {
 protected:
  Event made(const NetEvent& net_event) { return to_event(net_event, "PC01", text_).value(); }
  static std::string raw(const Event& event, std::string_view name) {
    for (const RawField& field : event.raw) {
      if (field.name == name) return std::string(field.value);
    }
    return "(none)";
  }

  TextArena text_;
};

TEST_F(NetEventTest, ABlockedConnectionHasAllItsFields) {
  const Event event = made(net_block(3));
  EXPECT_EQ(event.source, "netevent");
  EXPECT_EQ(event.host, "PC01");
  EXPECT_EQ(event.channel, "");
  EXPECT_EQ(event.record_id, std::nullopt);
  EXPECT_EQ(event.process_id, std::nullopt);
  EXPECT_EQ(event.time, from_filetime(net_block(3).time));
  EXPECT_EQ(event.event_id, 5157);
  EXPECT_EQ(event.direction, Direction::kOutbound);
  EXPECT_EQ(event.protocol, 6);
  EXPECT_EQ(event.local_address, parse_ip_address("192.168.1.20"));
  EXPECT_EQ(event.remote_address, parse_ip_address("198.51.100.7"));
  EXPECT_EQ(event.local_port, 50'000);
  EXPECT_EQ(event.remote_port, 3);
  EXPECT_EQ(event.application, R"(\device\harddiskvolume9\app.exe)");
  EXPECT_EQ(event.user, "S-1-5-18");
  EXPECT_EQ(event.filter_id, 70'001U);
  EXPECT_EQ(event.layer_id, 48U);
  EXPECT_EQ(event.layer, "connect");
  EXPECT_EQ(event.interface_index, std::nullopt);
  EXPECT_EQ(event.reason, Reason::kUnknown);
  EXPECT_EQ(raw(event, "msFwpDirection"), "14593");
  EXPECT_EQ(raw(event, "appId"), R"(\device\harddiskvolume9\app.exe)");
}

TEST_F(NetEventTest, WhatTheFlagsDoNotNameIsAbsent) {
  NetEvent e = net_block();
  e.flags = 0;
  const Event event = made(e);
  EXPECT_EQ(event.protocol, std::nullopt);
  EXPECT_EQ(event.local_address, std::nullopt);
  EXPECT_EQ(event.remote_address, std::nullopt);
  EXPECT_EQ(event.local_port, std::nullopt);
  EXPECT_EQ(event.remote_port, std::nullopt);
  EXPECT_EQ(event.application, "");
  EXPECT_EQ(event.user, "");
  EXPECT_EQ(raw(event, "localPort"), "(none)");
  EXPECT_EQ(event.filter_id, 70'001U);
}

TEST_F(NetEventTest, EachFlagNamesItsFieldAlone) {
  const auto with = [this](std::uint32_t flags) {
    NetEvent e = net_block();
    e.flags = flags;
    return made(e);
  };
  EXPECT_TRUE(with(flag::kProtocol).protocol);
  EXPECT_TRUE(with(flag::kLocalPort).local_port);
  EXPECT_FALSE(with(flag::kLocalPort).remote_port);
  EXPECT_TRUE(with(flag::kRemotePort).remote_port);
  EXPECT_NE(with(flag::kAppId).application, "");
  EXPECT_NE(with(flag::kUserId).user, "");
  // An address is one only with its version.
  EXPECT_FALSE(with(flag::kLocalAddress).local_address);
  EXPECT_TRUE(with(flag::kLocalAddress | flag::kIpVersion).local_address);
  EXPECT_TRUE(with(flag::kRemoteAddress | flag::kIpVersion).remote_address);
}

TEST_F(NetEventTest, IPv4IsInHostOrderAndIPv6InNetworkOrder) {
  NetEvent e = net_block();
  e.local.v4 = 0x7F000001;
  EXPECT_EQ(made(e).local_address, parse_ip_address("127.0.0.1"));
  e.ip_version = 1;
  e.local.v6 = {0x20, 0x01, 0x0D, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7};
  EXPECT_EQ(made(e).local_address, parse_ip_address("2001:db8::7"));
  e.ip_version = 2;  // FWP_IP_VERSION_NONE
  EXPECT_EQ(made(e).local_address, std::nullopt);
}

TEST_F(NetEventTest, TheLayerDecidesKindAndDirection) {
  struct Case {
    std::uint16_t layer;
    std::uint16_t event_id;
    std::string_view word;
    std::optional<Direction> direction;
  };
  for (const Case& c : std::initializer_list<Case>{
           {0, 5152, "ip-packet", Direction::kInbound},
           {6, 5152, "ip-packet", Direction::kOutbound},
           {8, 5152, "forward", Direction::kForward},
           {13, 5152, "transport", Direction::kInbound},
           {16, 5152, "transport", Direction::kOutbound},
           {24, 5152, "datagram-data", std::nullopt},
           {28, 5152, "icmp-error", Direction::kInbound},
           {32, 5152, "icmp-error", Direction::kOutbound},
           {38, 5159, "resource-assignment", std::nullopt},
           {40, 5155, "listen", Direction::kInbound},
           {46, 5157, "receive-accept", Direction::kInbound},
           {50, 5157, "connect", Direction::kOutbound},
           {55, 5157, "flow-established", std::nullopt},
           {56, 5152, "", std::nullopt},
           {999, 5152, "", std::nullopt},
       }) {
    NetEvent e = net_block();
    e.layer_id = c.layer;
    e.direction = 0;
    const Event event = made(e);
    EXPECT_EQ(event.event_id, c.event_id) << c.layer;
    EXPECT_EQ(event.layer, c.word) << c.layer;
    EXPECT_EQ(event.direction, c.direction) << c.layer;
    EXPECT_EQ(event.layer_id, c.layer);
  }
}

TEST_F(NetEventTest, TheRecordedDirectionHoldsWhereTheLayerHasNone) {
  NetEvent e = net_block();
  e.layer_id = 24;
  for (const auto& [recorded, direction] :
       std::initializer_list<std::pair<std::uint32_t, std::optional<Direction>>>{
           {0x3900, Direction::kInbound},
           {0x3901, Direction::kOutbound},
           {0x3902, Direction::kForward},
           {1, Direction::kInbound},
           {0, std::nullopt},
           {0x3903, std::nullopt}}) {
    e.direction = recorded;
    EXPECT_EQ(made(e).direction, direction) << recorded;
  }
  e.layer_id = 44;  // a packet of a connection that came from outside
  e.direction = 0x3901;
  EXPECT_EQ(made(e).direction, Direction::kInbound);
}

TEST_F(NetEventTest, AMissingCapabilityIsTheIsolationOfStoreApplications) {
  NetEvent e = net_block();
  e.type = NetEventType::kCapabilityDrop;
  e.capability = 2;
  Event event = made(e);
  EXPECT_EQ(event.event_id, 5157);
  EXPECT_EQ(event.layer_id, std::nullopt);
  EXPECT_EQ(event.direction, std::nullopt);
  EXPECT_EQ(event.reason, Reason::kAppContainer);
  // It stays so when the filter gets its name, and is explained so.
  winlog::set_filter(
      event, {.name = "Some filter", .provider_key = {}, .provider = {}, .layer_id = {}}, text_);
  EXPECT_EQ(event.reason, Reason::kAppContainer);
  EXPECT_EQ(winlog::explain(event).reason, Reason::kAppContainer);
  EXPECT_THAT(winlog::explain(event).evidence,
              testing::Contains("missing_capability = privateNetworkClientServer"));
}

TEST_F(NetEventTest, TheAbsenceOfAProcessProvesNothing) {
  NetEvent e = net_block();
  e.layer_id = 12;
  e.flags &= ~flag::kAppId;
  const Event event = made(e);
  EXPECT_EQ(event.reason, Reason::kUnknown);
  EXPECT_THAT(winlog::explain(event).summary, HasSubstr("a process that was not recorded"));
  e.layer_id = 13;  // only stealth drops there
  EXPECT_EQ(made(e).reason, Reason::kNoListener);
}

TEST_F(NetEventTest, IcmpHasTypeAndCodeInPlaceOfPorts) {
  NetEvent e = net_block();
  e.protocol = 1;
  e.local_port = 8;
  e.remote_port = 0;
  const Event event = made(e);
  EXPECT_EQ(event.icmp_type, 8);
  EXPECT_EQ(event.icmp_code, 0);
  EXPECT_EQ(event.local_port, std::nullopt);
  EXPECT_EQ(event.remote_port, std::nullopt);
  e.layer_id = 28;
  EXPECT_EQ(made(e).icmp_type, std::nullopt);
}

TEST_F(NetEventTest, BrokenBytesAreNoFailure) {
  NetEvent e = net_block();
  e.app_id = "odd";
  e.user_id = std::string(3, '\1');
  EXPECT_NE(made(e).user, "");  // as hexadecimal bytes
  e.app_id = std::string(40, '\xDC');
  EXPECT_NE(made(e).application, "");
  e.time = 0;
  EXPECT_EQ(to_event(e, "PC01", text_), std::nullopt);
}

TEST_F(NetEventTest, EveryFieldIsPartOfTheFingerprint) {
  const auto differs = [](auto change) {
    NetEvent e = net_block();
    change(e);
    return fingerprint(e) != fingerprint(net_block());
  };
  EXPECT_FALSE(differs([](NetEvent&) {}));
  EXPECT_TRUE(differs([](NetEvent& e) { ++e.time; }));
  EXPECT_TRUE(differs([](NetEvent& e) { e.type = NetEventType::kCapabilityDrop; }));
  EXPECT_TRUE(differs([](NetEvent& e) { ++e.flags; }));
  EXPECT_TRUE(differs([](NetEvent& e) { ++e.ip_version; }));
  EXPECT_TRUE(differs([](NetEvent& e) { ++e.protocol; }));
  EXPECT_TRUE(differs([](NetEvent& e) { ++e.local.v4; }));
  EXPECT_TRUE(differs([](NetEvent& e) { ++e.remote.v6[15]; }));
  EXPECT_TRUE(differs([](NetEvent& e) { ++e.local_port; }));
  EXPECT_TRUE(differs([](NetEvent& e) { ++e.remote_port; }));
  EXPECT_TRUE(differs([](NetEvent& e) { ++e.scope_id; }));
  EXPECT_TRUE(differs([](NetEvent& e) { e.app_id += 'x'; }));
  EXPECT_TRUE(differs([](NetEvent& e) { e.user_id += 'x'; }));
  EXPECT_TRUE(differs([](NetEvent& e) { e.package_id += 'x'; }));
  EXPECT_TRUE(differs([](NetEvent& e) { ++e.filter_id; }));
  EXPECT_TRUE(differs([](NetEvent& e) { ++e.layer_id; }));
  EXPECT_TRUE(differs([](NetEvent& e) { ++e.direction; }));
  EXPECT_TRUE(differs([](NetEvent& e) { e.is_loopback = true; }));
  EXPECT_TRUE(differs([](NetEvent& e) { ++e.capability; }));
  // Stored positions hold it.
  EXPECT_EQ(fingerprint(NetEvent{}), fingerprint(NetEvent{}));
}

TEST(NetEventPositionTest, IsReadAsItWasWritten) {
  NetEventPosition position;
  EXPECT_EQ(to_text(position), "1 0 0 0");
  position.listened = Timestamp{20};
  position.ignored = 4;
  for (std::uint64_t i = 0; i < 40; ++i) position.add(Timestamp{100 + static_cast<int>(i)}, ~i);
  EXPECT_EQ(position.read.size(), NetEventPosition::kMostKept);
  const auto again = parse_netevent_position(to_text(position));
  ASSERT_TRUE(again);
  EXPECT_EQ(to_text(*again), to_text(position));
  EXPECT_EQ(again->newest.ticks, 139);
  for (const char* bad : {"", "2 0 0 0", "1 0 0", "1 0 0 0 ", "1 0 0 x", "1 0 0 0 -1"})
    EXPECT_FALSE(parse_netevent_position(bad)) << bad;
  EXPECT_FALSE(parse_netevent_position(to_text(position) + " 1"));
}

TEST(NetEventPositionTest, TellsWhatWasRead) {
  NetEventPosition position;
  const Timestamp time{1'000'000'000};
  EXPECT_FALSE(position.has_read(time, 1));
  position.add(time, 1);
  EXPECT_TRUE(position.has_read(time, 1));
  EXPECT_FALSE(position.has_read(time, 2));
  EXPECT_FALSE(position.has_read({time.ticks - NetEventPosition::kDisorder}, 2));
  EXPECT_TRUE(position.has_read({time.ticks - NetEventPosition::kDisorder - 1}, 2));
}

TEST(NetEventQueueTest, CountsExactlyWhatDoesNotFitAndWhatIsNoDrop) {
  NetEventQueue queue(10);
  NetEvent other = net_block();
  other.type = static_cast<NetEventType>(0);
  for (std::uint16_t i = 0; i < 25; ++i) {
    queue.push(net_block(i));
    queue.push(NetEvent(other));
  }
  const auto taken = queue.take(std::chrono::milliseconds(0));
  ASSERT_EQ(taken.events.size(), 10U);
  EXPECT_EQ(taken.events.back().remote_port, 9);
  EXPECT_EQ(taken.lost, 15U);
  EXPECT_EQ(taken.first_lost, net_block(10).time);
  EXPECT_EQ(taken.last_lost, net_block(24).time);
  EXPECT_EQ(taken.ignored, 25U);
  queue.push(net_block());
  const auto next = queue.take(std::chrono::milliseconds(0));
  EXPECT_EQ(next.events.size(), 1U);
  EXPECT_EQ(next.lost, 0U);
}

}  // namespace
}  // namespace blockwatch
