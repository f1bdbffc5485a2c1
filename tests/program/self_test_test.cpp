#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "server/self_test/checks.h"
#include "server/self_test/round_trip.h"
#include "tests/monitor/fake_eventlog.h"
#include "tests/monitor/fake_net_events.h"

namespace blockwatch {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

HostFacts windows(const AccountRights& rights) {
  return {.system = "Windows 10.0.1", .rights = rights, .addresses = {}};
}

TEST(SelfTestRights, WhoMayReadAndWhoMayChange) {
  EXPECT_EQ(check_rights({}, "kim").verdict, Verdict::kOk);
  EXPECT_THAT(check_rights({}, "kim").found, HasSubstr("for Windows only"));
  EXPECT_EQ(check_rights(windows({}), "kim").verdict, Verdict::kFailed);
  EXPECT_EQ(check_rights(windows({.event_log_reader = true}), "kim").verdict, Verdict::kWarning);
  const auto all = check_rights(windows({.elevated = true, .has_security_privilege = true}), "kim");
  EXPECT_EQ(all.verdict, Verdict::kOk);
  EXPECT_THAT(all.found, HasSubstr("kim, administrator, holds SeSecurityPrivilege"));
}

TEST(SelfTestLog, OpenedRefusedOrEmpty) {
  const auto refused = check_channel(tl::make_unexpected(std::uint32_t{5}));
  EXPECT_EQ(refused.verdict, Verdict::kFailed);
  EXPECT_THAT(refused.found, HasSubstr("Event Log Readers"));
  EXPECT_EQ(check_channel(LogInfo{}).verdict, Verdict::kWarning);
  EXPECT_THAT(check_channel(LogInfo{11, 10, 1}).found, HasSubstr("records 11 to 20"));
}

TEST(SelfTestLog, SizeAndWhatHappensWhenItIsFull) {
  constexpr std::uint64_t kMiB = 1024 * 1024;
  EXPECT_EQ(check_log_size({}).verdict, Verdict::kUnknown);
  const auto usual = check_log_size(SecurityLog{.bytes = 5 * kMiB, .max_bytes = 20 * kMiB});
  EXPECT_EQ(usual.verdict, Verdict::kWarning);
  EXPECT_THAT(usual.found, HasSubstr("5.0 MiB of 20.0 MiB (25 %)"));
  SecurityLog large{.bytes = 1, .max_bytes = 200 * kMiB};
  EXPECT_EQ(check_log_size(large).verdict, Verdict::kOk);
  large.when_full = WhenFull::kArchive;
  EXPECT_EQ(check_log_size(large).verdict, Verdict::kOk);
  EXPECT_THAT(check_log_size(large).found, HasSubstr("it is archived"));
  large.when_full = WhenFull::kStop;
  const auto keeps = check_log_size(large);
  EXPECT_EQ(keeps.verdict, Verdict::kWarning);
  EXPECT_THAT(keeps.found, HasSubstr("new records are not written"));
}

TEST(SelfTestPolicy, WhatIsAudited) {
  AuditPolicy policy{};
  const auto judge = [&](std::string_view kind) { return check_policy(policy, kind, {}).verdict; };
  EXPECT_EQ(judge("windows"), Verdict::kFailed);
  EXPECT_EQ(judge("file"), Verdict::kOk);
  policy.at(kAuditPacketDrop) = AuditFlags{.failure = true};
  EXPECT_EQ(judge("windows"), Verdict::kWarning);
  policy.at(kAuditConnection) = AuditFlags{.success = true};
  EXPECT_EQ(judge("windows"), Verdict::kWarning);  // successes are not blocks
  policy.at(kAuditConnection) = AuditFlags{.failure = true};
  EXPECT_EQ(judge("windows"), Verdict::kOk);
  EXPECT_EQ(check_policy(policy, "windows", "a group policy").verdict, Verdict::kWarning);
  EXPECT_EQ(check_policy(make_error(ErrorCode::kPermission, "no"), "windows", {}).verdict,
            Verdict::kFailed);
}

TEST(SelfTestRecentEvents, TheLastOnesAndTheirShapes) {
  FakeEventLog log;
  for (int i = 0; i < 30; ++i) log.add_block();
  for (int i = 0; i < 20; ++i) log.add_other();
  const auto api = log.api();
  const auto recent = read_recent_events(*api, 1'000, 10);
  ASSERT_TRUE(recent);
  EXPECT_EQ(recent->list.events.size(), 10U);
  EXPECT_EQ(recent->list.events.back().record_id, 30U);
  ASSERT_EQ(recent->shapes.size(), 1U);
  EXPECT_EQ(recent->shapes.begin()->second, 30U);
  // The newest 25 records of any kind hold five of them.
  EXPECT_EQ(read_recent_events(*api, 25, 10)->list.events.size(), 5U);
  EXPECT_EQ(log.open_subscriptions(), 0U);
}

TEST(SelfTestRecentEvents, AShapeThatNobodyHasSeenIsAskedFor) {
  RecentEvents recent;
  EXPECT_EQ(check_shapes(recent).verdict, Verdict::kUnknown);
  recent.shapes[{5157, 1, 13}] = 7;
  EXPECT_EQ(check_shapes(recent).verdict, Verdict::kOk);
  EXPECT_THAT(check_shapes(recent).found, HasSubstr("5157 version 1 with 13 fields: 7"));
  recent.shapes[{5157, 4, 20}] = 1;
  EXPECT_EQ(check_shapes(recent).verdict, Verdict::kWarning);
  EXPECT_THAT(check_shapes(recent).advice, HasSubstr("send us"));
}

class SelfTestEvents : public testing::Test {
 protected:
  void add(Direction direction, std::string_view source, std::string_view dest,
           std::string_view local) {
    Event event;
    event.event_id = 5157;
    event.direction = direction;
    event.local_address = parse_ip_address(local);
    const RawField raw[] = {{"SourceAddress", source}, {"DestAddress", dest}};
    event.raw = recent_.list.text.copy_array(std::span<const RawField>(raw));
    recent_.list.events.push_back(event);
  }
  const std::vector<IpAddress> own_{*parse_ip_address("192.168.1.20")};
  RecentEvents recent_;
};

TEST_F(SelfTestEvents, OrientationCountsWhoIsSource) {
  EXPECT_EQ(check_orientation(recent_, own_).verdict, Verdict::kUnknown);
  add(Direction::kOutbound, "192.168.1.20", "198.51.100.7", "192.168.1.20");
  add(Direction::kInbound, "198.51.100.7", "192.168.1.20", "192.168.1.20");
  add(Direction::kInbound, "198.51.100.7", "224.0.0.251", "224.0.0.251");
  EXPECT_EQ(check_orientation(recent_, {}).verdict, Verdict::kUnknown);
  const auto good = check_orientation(recent_, own_);
  EXPECT_EQ(good.verdict, Verdict::kOk);
  EXPECT_THAT(
      good.found,
      HasSubstr("5157 inbound: this computer is Source 0 times, Dest 1 times, not clear 1"));
  EXPECT_THAT(good.found, HasSubstr("5157 outbound: this computer is Source 1 times, Dest 0"));
  EXPECT_THAT(good.found, Not(HasSubstr("192.168")));  // a report tells no addresses
  add(Direction::kInbound, "198.51.100.7", "192.168.1.20", "198.51.100.7");
  EXPECT_EQ(check_orientation(recent_, own_).verdict, Verdict::kWarning);
}

TEST_F(SelfTestEvents, FiltersAreCountedOnce) {
  EXPECT_EQ(check_filter_names(recent_, "").verdict, Verdict::kUnknown);
  for (const auto& [id, name] : std::initializer_list<std::pair<std::uint64_t, std::string_view>>{
           {0, ""}, {7, "A"}, {7, "A"}, {8, ""}}) {
    Event event;
    event.filter_id = id;
    event.filter_name = name;
    recent_.list.events.push_back(event);
  }
  EXPECT_THAT(check_filter_names(recent_, "").found, HasSubstr("1 of 2 filters"));
  EXPECT_EQ(check_filter_names(recent_, "no right").verdict, Verdict::kWarning);
}

TEST(SelfTestNetEvents, AreCountedByType) {
  const auto check = check_net_events(true, {net_block(), net_block(1), NetEvent{}});
  EXPECT_EQ(check.verdict, Verdict::kOk);
  EXPECT_THAT(check.found, HasSubstr("1 of type 0, 2 of type 3 (a drop)"));
  EXPECT_THAT(check_net_events(false, {}).advice, HasSubstr("netevents=on"));
  EXPECT_EQ(check_net_events(tl::make_unexpected(5U), {}).verdict, Verdict::kWarning);
}

TEST(SelfTestSenders, AreAnExtra) {
  EXPECT_EQ(check_senders({}).verdict, Verdict::kOk);
  const Check check = check_senders(make_error(ErrorCode::kPermission, "not allowed"));
  EXPECT_EQ(check.verdict, Verdict::kOk);
  EXPECT_THAT(check.found, HasSubstr("not allowed"));
}

TEST(SelfTestAttempt, IsFoundInTheLogByItsPort) {
  FakeEventLog log;
  log.add_block();
  const auto api = log.api();
  auto subscription = subscribe_after(*api, 1);
  ASSERT_TRUE(subscription);
  const auto nothing = wait_for_block(**subscription, 4711, std::chrono::milliseconds(0));
  ASSERT_TRUE(nothing);
  EXPECT_FALSE(*nothing);
  const auto data = [](const std::string& name) {
    return "Event/EventData/Data[@Name='" + name + "']";
  };
  log.add("Microsoft-Windows-Security-Auditing", 5157,
          {{data("Direction"), "%%14593"},
           {data("SourceAddress"), "127.0.0.1"},
           {data("DestAddress"), "127.0.0.1"},
           {data("DestPort"), "4711"}});
  const auto found = wait_for_block(**subscription, 4711, std::chrono::seconds(20));
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->events.at(0).record_id, 2U);
  EXPECT_EQ(check_attempt({.port = 1, .was_blocked = true}).verdict, Verdict::kOk);
  EXPECT_EQ(check_attempt({.port = 1, .error = 10061}).verdict, Verdict::kFailed);
}

TEST(SelfTestRoundTrip, StoresAndStreams) {
  const Checks checks = check_round_trip(sample_block());
  ASSERT_EQ(checks.size(), 2U);
  for (const Check& check : checks) {
    EXPECT_EQ(check.verdict, Verdict::kOk) << check.found;
    EXPECT_GE(check.ms.value_or(-1), 0);
  }
  EventList refused = sample_block();
  refused.events[0].event_id = 1;
  EXPECT_TRUE(any_failed(check_round_trip(refused)));
}

TEST(SelfTestReport, ForPeopleAndAsJson) {
  const Checks checks{{"a", Verdict::kOk, "good", {}, 1.2345},
                      {"b", Verdict::kFailed, "bad \xff", "mend it"}};
  EXPECT_EQ(report_text(checks),
            "ok       a: good (1.23 ms)\nfailed   b: bad \xff\n         -> mend it\n");
  EXPECT_TRUE(any_failed(checks));
  const auto json = nlohmann::json::parse(report_json(checks, "1", "Linux"));
  EXPECT_EQ(json["ok"], false);
  EXPECT_EQ(json["checks"][0]["ms"], 1.23);
  EXPECT_EQ(json["checks"][0]["advice"], nullptr);
  EXPECT_EQ(json["checks"][1]["verdict"], "failed");
  EXPECT_THAT(json["personal_data"].get<std::string>(), HasSubstr("account"));
}

}  // namespace
}  // namespace blockwatch
