#include "monitor/winlog/event_fields.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "monitor/winlog/codes.h"
#include "monitor/winlog/explain.h"
#include "storage/words.h"
#include "tests/winlog/build_record.h"

namespace blockwatch::winlog {
namespace {

TEST(Codes, EveryDirectionHasItsWord) {
  EXPECT_EQ(direction_of("%%14592"), Direction::kInbound);
  EXPECT_EQ(direction_of("%%14593"), Direction::kOutbound);
  EXPECT_EQ(direction_of("%%14594"), Direction::kForward);
  EXPECT_EQ(direction_of("%%14595"), std::nullopt);  // Bidirectional is neither
  EXPECT_EQ(direction_of("inbound"), Direction::kInbound);
  EXPECT_EQ(direction_of("Outbound"), Direction::kOutbound);
  for (const char* text : {"", "-", "%%", "%%14592x", "%14592", "14592", "%%99999999999999"}) {
    EXPECT_EQ(direction_of(text), std::nullopt) << text;
  }
}

TEST(Codes, EveryLayerHasItsWord) {
  const std::pair<const char*, const char*> layers[] = {
      {"%%14594", "forward"},
      {"%%14596", "ip-packet"},
      {"%%14597", "transport"},
      {"%%14598", "forward"},
      {"%%14599", "stream"},
      {"%%14600", "datagram-data"},
      {"%%14601", "icmp-error"},
      {"%%14602", "mac-802.3"},
      {"%%14603", "mac-native"},
      {"%%14604", "vswitch"},
      {"%%14608", "resource-assignment"},
      {"%%14609", "listen"},
      {"%%14610", "receive-accept"},
      {"%%14611", "connect"},
      {"%%14612", "flow-established"},
      {"%%14614", "resource-release"},
      {"%%14615", "endpoint-closure"},
      {"%%14616", "connect-redirect"},
      {"%%14617", "bind-redirect"},
      {"%%14624", "stream-packet"},
      {"%%14625", "accept-redirect"},
      {"%%14626", "accept-redirect"},
      {"%%14640", "icmp-echo-request"},
      {"%%14641", "vswitch-ingress"},
      {"%%14642", "vswitch-egress"},
      {"%%14643", "unknown"},
      {"Receive/Accept", "receive-accept"},
      {"icmp error", "icmp-error"},
      {"%%14605", "%%14605"},
      {"%%14591", "%%14591"},
      {"%%14656", "%%14656"},
      {"%%1", "%%1"},
      {"Something new", "Something new"},
      {"-", ""},
      {"", ""},
  };
  for (const auto& [recorded, word] : layers) EXPECT_EQ(layer_word(recorded), word) << recorded;
}

TEST(Roles, NamesAreComparedWithoutCase) {
  EXPECT_EQ(role_of("ProcessID"), FieldRole::kProcessId);
  EXPECT_EQ(role_of("processid"), FieldRole::kProcessId);
  EXPECT_EQ(role_of("Application"), FieldRole::kApplication);
  EXPECT_EQ(role_of("DIRECTION"), FieldRole::kDirection);
  EXPECT_EQ(role_of("SourceAddress"), FieldRole::kSourceAddress);
  EXPECT_EQ(role_of("SourcePort"), FieldRole::kSourcePort);
  EXPECT_EQ(role_of("DestAddress"), FieldRole::kDestAddress);
  EXPECT_EQ(role_of("DestPort"), FieldRole::kDestPort);
  EXPECT_EQ(role_of("Protocol"), FieldRole::kProtocol);
  EXPECT_EQ(role_of("InterfaceIndex"), FieldRole::kInterfaceIndex);
  EXPECT_EQ(role_of("FilterOrigin"), FieldRole::kFilterOrigin);
  EXPECT_EQ(role_of("FilterName"), FieldRole::kFilterName);
  EXPECT_EQ(role_of("FilterRTID"), FieldRole::kFilterId);
  EXPECT_EQ(role_of("LayerName"), FieldRole::kLayerName);
  EXPECT_EQ(role_of("LayerRTID"), FieldRole::kLayerId);
  EXPECT_EQ(role_of("RemoteUserId"), FieldRole::kRemoteUserId);
  EXPECT_EQ(role_of("RemoteMachineID"), FieldRole::kOther);
  EXPECT_EQ(role_of(""), FieldRole::kOther);
}

TEST(Provider, OursInAnyCaseOrUnknown) {
  EXPECT_TRUE(is_wanted_provider("Microsoft-Windows-Security-Auditing"));
  EXPECT_TRUE(is_wanted_provider("microsoft-windows-security-AUDITING"));
  EXPECT_TRUE(is_wanted_provider(""));
  EXPECT_FALSE(is_wanted_provider("Microsoft-Windows-Eventlog"));
}

TEST(ToEvent, TakesEveryField) {
  Fields fields = connection("198.51.100.7", "50123", "2001:db8::5", "443", "6", "%%14593");
  fields.insert(fields.end(), {{"RemoteUserID", "S-1-5-18"},
                               {"RemoteMachineID", "S-1-0-0"},
                               {"InterfaceIndex", "12"},
                               {"FilterOrigin", "{A549B7CF-0542-4B67-93F9-EEBCDD584377}"},
                               {"FilterName", "Block telemetry"},
                               {"Novelty", "kept"}});
  const Built built = build(system_of(5157, 3), fields);
  ASSERT_TRUE(built.event);
  const Event& event = *built.event;
  EXPECT_EQ(event.event_id, 5157);
  EXPECT_EQ(event.event_version, 3);
  EXPECT_EQ(event.record_id, 42U);
  EXPECT_EQ(event.host, "HOST1");
  EXPECT_EQ(event.channel, "Security");
  EXPECT_EQ(format_rfc3339(event.time), "2024-05-06T07:08:09.1234567Z");
  EXPECT_EQ(event.process_id, 4U);
  EXPECT_EQ(event.application, "System");
  EXPECT_EQ(event.direction, Direction::kOutbound);
  EXPECT_EQ(event.local_address, parse_ip_address("198.51.100.7"));
  EXPECT_EQ(event.local_port, 50123);
  EXPECT_EQ(event.remote_address, parse_ip_address("2001:db8::5"));
  EXPECT_EQ(event.remote_port, 443);
  EXPECT_EQ(event.protocol, 6);
  EXPECT_EQ(event.filter_id, 70000U);
  EXPECT_EQ(event.filter_name, "Block telemetry");
  EXPECT_EQ(event.filter_origin, "{A549B7CF-0542-4B67-93F9-EEBCDD584377}");
  EXPECT_EQ(event.layer, "connect");
  EXPECT_EQ(event.layer_id, 44U);
  EXPECT_EQ(event.interface_index, 12U);
  EXPECT_EQ(event.user, "S-1-5-18");
  EXPECT_EQ(event.reason, Reason::kRule);
  ASSERT_EQ(event.raw.size(), fields.size());
  EXPECT_EQ(event.raw.back().name, "Novelty");
  EXPECT_EQ(event.raw.back().value, "kept");
}

TEST(ToEvent, TextIsNotCopied) {
  const Built built = build(system_of(5157, 1), connection("10.0.0.1", "1", "10.0.0.2", "2"));
  EXPECT_EQ(built.event->application.data(), built.event->raw[1].value.data());
}

TEST(ToEvent, AbsentValuesAreAbsent) {
  const Built built = build(system_of(5152), {{"ProcessId", "0"},
                                              {"Application", "-"},
                                              {"FilterOrigin", "-"},
                                              {"RemoteUserID", "S-1-0-0"},
                                              {"SourceAddress", "-"},
                                              {"SourcePort", ""}});
  const Event& event = *built.event;
  EXPECT_EQ(event.process_id, std::nullopt);
  EXPECT_EQ(event.application, "");
  EXPECT_EQ(event.filter_origin, "");
  EXPECT_EQ(event.user, "");
  EXPECT_EQ(event.local_address, std::nullopt);
  EXPECT_EQ(event.local_port, std::nullopt);
  EXPECT_EQ(event.filter_id, std::nullopt);
  EXPECT_EQ(event.layer, "");
  EXPECT_EQ(event.raw.size(), 6U);
}

TEST(ToEvent, ProcessZeroWithAnApplicationStays) {
  const Built built = build(system_of(5157), {{"ProcessId", "0"}, {"Application", "Idle"}});
  EXPECT_EQ(built.event->process_id, 0U);
}

TEST(ToEvent, NumbersMayBeHexadecimal) {
  const Built built = build(system_of(5157), {{"ProcessID", "0x3e8"}, {"FilterRTID", "0XFF"}});
  EXPECT_EQ(built.event->process_id, 1000U);
  EXPECT_EQ(built.event->filter_id, 255U);
}

TEST(ToEvent, UnreadableValuesLeaveTheFieldAbsentAndStayInRaw) {
  const Built built = build(system_of(5157), {{"ProcessID", "12a"},
                                              {"SourcePort", "65536"},
                                              {"DestPort", "-1"},
                                              {"Protocol", "256"},
                                              {"FilterRTID", "18446744073709551616"},
                                              {"LayerRTID", " 44"},
                                              {"SourceAddress", "10.0.0"},
                                              {"Direction", "%%1"},
                                              {"InterfaceIndex", "0x"}});
  const Event& event = *built.event;
  EXPECT_EQ(event.process_id, std::nullopt);
  EXPECT_EQ(event.local_port, std::nullopt);
  EXPECT_EQ(event.remote_port, std::nullopt);
  EXPECT_EQ(event.protocol, std::nullopt);
  EXPECT_EQ(event.filter_id, std::nullopt);
  EXPECT_EQ(event.layer_id, std::nullopt);
  EXPECT_EQ(event.local_address, std::nullopt);
  EXPECT_EQ(event.direction, std::nullopt);
  EXPECT_EQ(event.interface_index, std::nullopt);
  EXPECT_EQ(event.raw[0].value, "12a");
}

TEST(ToEvent, OfTwoFieldsWithOneMeaningTheFirstReadableHolds) {
  const Built built =
      build(system_of(5157), {{"ProcessID", "x"}, {"ProcessId", "7"}, {"PROCESSID", "8"}});
  EXPECT_EQ(built.event->process_id, 7U);
}

TEST(ToEvent, HardwareAddressesAreNotIpAddresses) {
  for (std::uint16_t id : {std::uint16_t{5150}, std::uint16_t{5151}}) {
    const Built built = build(system_of(id), {{"Direction", "%%14592"},
                                              {"SourceAddress", "1:2:3:4:5:6:7:8"},
                                              {"DestAddress", "10.0.0.1"},
                                              {"LayerName", "%%14602"}});
    EXPECT_EQ(built.event->local_address, std::nullopt);
    EXPECT_EQ(built.event->remote_address, std::nullopt);
    EXPECT_EQ(built.event->layer, "mac-802.3");
  }
}

TEST(ToEvent, DirectionIsDerivedWhereTheLayerDecides) {
  const auto derived = [](std::uint16_t id, const char* layer, const char* layer_id) {
    return build(system_of(id), {{"LayerName", layer}, {"LayerRTID", layer_id}}).event->direction;
  };
  EXPECT_EQ(derived(5154, "%%14609", "40"), Direction::kInbound);
  EXPECT_EQ(derived(5155, "%%14609", "42"), Direction::kInbound);
  EXPECT_EQ(derived(5157, "%%14610", "44"), Direction::kInbound);
  EXPECT_EQ(derived(5157, "%%14611", "48"), Direction::kOutbound);
  EXPECT_EQ(derived(5152, "%%14598", "8"), Direction::kForward);
  EXPECT_EQ(derived(5152, "%%14597", "13"), Direction::kInbound);
  EXPECT_EQ(derived(5152, "%%14597", "15"), Direction::kInbound);
  EXPECT_EQ(derived(5152, "%%14597", "16"), std::nullopt);
  EXPECT_EQ(derived(5152, "%%14601", "28"), Direction::kInbound);
  EXPECT_EQ(derived(5152, "%%14601", "34"), Direction::kOutbound);
  EXPECT_EQ(derived(5158, "%%14608", "36"), std::nullopt);
  EXPECT_EQ(derived(5159, "%%14608", "38"), std::nullopt);
  EXPECT_EQ(build(system_of(5031), {}).event->direction, Direction::kInbound);
}

TEST(ToEvent, WhatCannotBePlacedIsCorrupt) {
  EXPECT_EQ(build(system_of(5145), {}).event.error().code, ErrorCode::kCorrupt);
  SystemFields early = system_of(5157);
  early.time = Timestamp{-1};
  EXPECT_EQ(build(early, {}).event.error().code, ErrorCode::kCorrupt);
}

struct ReasonCase {
  std::uint16_t event_id;
  Fields fields;
  Reason reason;
  const char* confidence;
};

TEST(Reasons, EachFollowsFromItsEvidence) {
  const auto origin = [](const char* text) { return Fields{{"FilterOrigin", text}}; };
  const ReasonCase cases[] = {
      {5152, origin("Stealth"), Reason::kNoListener, "high"},
      {5157, origin("Query User Default"), Reason::kQueryUser, "high"},
      {5157, origin("query-user default"), Reason::kQueryUser, "high"},
      {5157, origin("Quarantine Default"), Reason::kQuarantine, "high"},
      {5157, origin("Boot Time Default"), Reason::kBootTime, "high"},
      {5157, origin("Boottime default"), Reason::kBootTime, "high"},
      {5157, origin("Boottime"), Reason::kBootTime, "high"},
      {5157, origin("AppContainer Loopback"), Reason::kAppContainer, "high"},
      {5157, origin("UWP Default"), Reason::kAppContainer, "high"},
      {5157, origin("WSH Default"), Reason::kServiceHardening, "high"},
      {5157, origin("Default Inbound"), Reason::kDefaultInbound, "high"},
      {5157, origin("Default Outbound"), Reason::kDefaultOutbound, "high"},
      {5157, origin("Unknown"), Reason::kThirdParty, "high"},
      {5157, origin("CoreNet-Teredo-In"), Reason::kRule, "high"},
      {5157, origin("{A549B7CF-0542-4B67-93F9-EEBCDD584377}"), Reason::kRule, "high"},
      {5157, origin("-"), Reason::kUnknown, "low"},
      {5156, origin("Quarantine Default"), Reason::kUnknown, "low"},
      {5156, origin("Unknown"), Reason::kUnknown, "low"},
      {5156, origin("CoreNet-Teredo-In"), Reason::kRule, "high"},
      {5152, {{"LayerRTID", "13"}}, Reason::kNoListener, "high"},
      {5152, {{"LayerRTID", "15"}}, Reason::kNoListener, "high"},
      {5152, {{"LayerRTID", "32"}}, Reason::kNoListener, "high"},
      {5152, {{"LayerRTID", "34"}}, Reason::kNoListener, "high"},
      {5152,
       {{"ProcessId", "0"}, {"Application", "-"}, {"LayerName", "%%14597"}},
       Reason::kNoListener,
       "medium"},
      {5152,
       {{"ProcessId", "9"}, {"Application", "a"}, {"LayerName", "%%14597"}},
       Reason::kUnknown,
       "low"},
      {5152, {{"LayerName", "%%14610"}, {"LayerRTID", "44"}}, Reason::kUnknown, "low"},
      {5031, {}, Reason::kQueryUser, "medium"},
      {5155, {}, Reason::kUnknown, "low"},
      {5158, {{"LayerRTID", "13"}}, Reason::kUnknown, "low"},
  };
  for (const ReasonCase& c : cases) {
    const Built built = build(system_of(c.event_id), c.fields);
    const std::string shown =
        std::to_string(c.event_id) + (c.fields.empty() ? "" : " " + c.fields[0].second);
    EXPECT_EQ(to_word(built.event->reason), to_word(c.reason)) << shown;
    const Explanation explanation = explain(*built.event);
    EXPECT_EQ(explanation.reason, built.event->reason) << shown;
    EXPECT_EQ(explanation.confidence, c.confidence) << shown;
  }
}

TEST(Explain, NamesWhatWhereAndWhy) {
  Fields fields = connection("203.0.113.9", "50000", "192.0.2.10", "3389");
  fields.push_back({"FilterOrigin", "Default Inbound"});
  Built built = build(system_of(5157, 3), fields);
  std::swap(built.event->local_address, built.event->remote_address);
  std::swap(built.event->local_port, built.event->remote_port);
  const Explanation explanation = explain(*built.event);
  EXPECT_EQ(explanation.summary,
            "Windows blocked an inbound tcp connection from 203.0.113.9:50000 to 192.0.2.10:3389 "
            "for System (process 4). It was decided by filter 70000 at the receive-accept layer. "
            "No rule allows it, and inbound traffic is blocked unless a rule allows it. It is a "
            "connection block; each retry of the sender is logged again.");
  EXPECT_THAT(explanation.evidence,
              testing::ElementsAre("event_id = 5157", "filter_origin = Default Inbound",
                                   "filter_id = 70000", "layer = receive-accept", "layer_id = 44"));
}

TEST(Explain, TellsStealthDropsFromBlocks) {
  const Built built = build(
      system_of(5152),
      {{"ProcessId", "0"}, {"Application", "-"}, {"LayerName", "%%14597"}, {"LayerRTID", "13"}});
  const Explanation explanation = explain(*built.event);
  EXPECT_THAT(explanation.summary, testing::HasSubstr("no process"));
  EXPECT_THAT(explanation.summary, testing::HasSubstr("means nothing"));
  EXPECT_THAT(explanation.evidence, testing::Contains("process_id = null"));
}

TEST(Explain, EveryEventIdHasASentenceOfItsOwn) {
  std::vector<std::string> summaries;
  for (std::uint16_t id : kEventIds) {
    const Built built = build(system_of(id), {{"Profiles", "Domain"}});
    const std::string summary = explain(*built.event).summary;
    EXPECT_TRUE(summary.starts_with("Windows ")) << id;
    EXPECT_TRUE(summary.ends_with(".")) << id;
    EXPECT_EQ(summary.find("  "), std::string::npos) << summary;
    EXPECT_EQ(summary.find(" ."), std::string::npos) << summary;
    EXPECT_THAT(summaries, testing::Not(testing::Contains(summary))) << id;
    summaries.push_back(summary);
  }
  EXPECT_THAT(summaries[0], testing::HasSubstr("(network profile Domain)"));
}

}  // namespace
}  // namespace blockwatch::winlog
