// The orientation rule and the equality of formats, on the values of real records of Windows 7 to
// Server 2022.

#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "monitor/winlog/host_knowledge.h"
#include "tests/winlog/build_record.h"
#include "tests/winlog/read_text.h"

namespace blockwatch::winlog {
namespace {

using Json = nlohmann::json;

std::vector<Json> lines_of(const char* file) {
  std::vector<Json> all;
  std::ifstream in(*corpus() / file);
  for (std::string line; std::getline(in, line);) all.push_back(Json::parse(line));
  return all;
}

Fields fields_of(const Json& data) {
  Fields fields;
  for (const auto& [name, value] : data.items()) fields.emplace_back(name, value);
  return fields;
}

Built build_from(const Json& record) {
  SystemFields system;
  system.provider = kProvider;
  system.event_id = record["event_id"];
  system.version = record["version"];
  system.time = parse_rfc3339(record["time_created"].get<std::string>()).value();
  system.record_id = record["record_id"].get<std::uint64_t>();
  const std::string host = record["computer"];
  const std::string channel = record["channel"];
  system.host = host;
  system.channel = channel;
  return build(system, fields_of(record["data"]));
}

bool is_broadcast_text(const std::string& address) { return address.ends_with(".255"); }

// Every address that a host shows as its own in outbound records.
std::map<std::string, std::set<std::string>> own_addresses(const std::vector<Event>& events) {
  std::map<std::string, std::set<std::string>> own;
  for (const Event& event : events) {
    if (event.direction == Direction::kOutbound && event.local_address) {
      own[std::string(event.host)].insert(format_ip_address(*event.local_address));
    }
  }
  return own;
}

// Inbound events whose host is known by its outbound ones: local must be the host, a group, or
// loopback; remote must not be the host unless it talks to itself. Returns how many were checked.
int check_sides(const std::vector<Event>& events) {
  const auto own = own_addresses(events);
  int checked = 0;
  for (const Event& event : events) {
    const auto host = own.find(std::string(event.host));
    if (event.direction != Direction::kInbound || !event.local_address || !event.remote_address ||
        host == own.end()) {
      continue;
    }
    if (event.local_address->is_loopback() && event.remote_address->is_loopback()) continue;
    const std::string local = format_ip_address(*event.local_address);
    const std::string remote = format_ip_address(*event.remote_address);
    const bool local_is_own = host->second.contains(local) || event.local_address->is_group() ||
                              event.local_address->is_loopback() || is_broadcast_text(local);
    const bool remote_is_own = host->second.contains(remote) && !host->second.contains(local);
    EXPECT_TRUE(local_is_own || !host->second.contains(remote))
        << event.host << " record " << event.record_id.value_or(0) << ": local " << local
        << ", remote " << remote;
    EXPECT_FALSE(remote_is_own && !event.local_address->is_group() && !is_broadcast_text(local))
        << event.host << " record " << event.record_id.value_or(0);
    ++checked;
  }
  return checked;
}

TEST(OrientationCorpus, OldWindowsKeepsTheHostInSource) {
  if (!corpus()) GTEST_SKIP() << "BLOCKWATCH_CORPUS is not set";
  HostKnowledge hosts;
  TextArena text;
  std::vector<Built> built;
  std::vector<Event> events;
  for (const Json& record : lines_of("truth-dev.jsonl")) {
    built.push_back(build_from(record));
    ASSERT_TRUE(built.back().event);
    hosts.settle(*built.back().event, text);
    events.push_back(*built.back().event);
  }
  EXPECT_GE(check_sides(events), 20);
  for (const Event& event : events) {
    if (event.record_id == 227718U) {  // a /8 network's NetBIOS broadcast, the first inbound record
      EXPECT_EQ(format_ip_address(*event.local_address), "10.255.255.255");
      EXPECT_EQ(format_ip_address(*event.remote_address), "10.0.2.18");
    }
    if (event.record_id == 227728U) {  // a tunnel's end on the host itself
      EXPECT_EQ(event.local_port, 3389);
    }
    if (event.host == "temporal" &&
        event.protocol == 1) {  // a ping to 169.46.6.101, seen as packet and as connection
      EXPECT_EQ(format_ip_address(*event.local_address), "169.46.6.101") << event.event_id;
      EXPECT_EQ(event.icmp_type, 8) << event.event_id;
      EXPECT_EQ(event.icmp_code, 0) << event.event_id;
    }
  }
}

TEST(OrientationCorpus, RecentWindowsKeepsTheHostInDest) {
  if (!corpus()) GTEST_SKIP() << "BLOCKWATCH_CORPUS is not set";
  int checked = 0;
  for (const char* file :
       {"winlogbeat6-2019-a.jsonl", "winlogbeat7-2019-a.jsonl", "nxlog-2019-pid-collision.jsonl",
        "nxlog-2020-a.jsonl", "flat-2023-a.jsonl", "flat-2023-c.jsonl"}) {
    SCOPED_TRACE(file);
    const Reading reading = read_json_text(file_text(*corpus() / "text" / file));
    checked += check_sides(reading.events());
  }
  EXPECT_GE(checked, 60);
}

TEST(OrientationCorpus, GroupAddressesOfOldRecordsAreLocal) {
  if (!corpus()) GTEST_SKIP() << "BLOCKWATCH_CORPUS is not set";
  for (const char* file : {"ptxp-event-data-list-5156.json", "ptxp-event-data-list-5157.json"}) {
    const Reading reading = read_json_text(file_text(*corpus() / "text" / file));
    ASSERT_EQ(reading.events().size(), 1U);
    EXPECT_EQ(format_ip_address(*reading.events()[0].local_address), "10.0.223.255") << file;
  }
}

std::string as_xml(const Json& record) {
  std::string xml = "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System>";
  xml += "<Provider Name='" + record["provider"].get<std::string>() + "'/><EventID>" +
         std::to_string(record["event_id"].get<int>()) + "</EventID><Version>" +
         std::to_string(record["version"].get<int>()) + "</Version><TimeCreated SystemTime='" +
         record["time_created"].get<std::string>() + "'/><EventRecordID>" +
         std::to_string(record["record_id"].get<std::uint64_t>()) + "</EventRecordID><Channel>" +
         record["channel"].get<std::string>() + "</Channel><Computer>" +
         record["computer"].get<std::string>() + "</Computer></System><EventData>";
  for (const auto& [name, value] : record["data"].items()) {
    xml += "<Data Name='" + name + "'>" + value.get<std::string>() + "</Data>";
  }
  return xml + "</EventData></Event>\n";
}

void expect_equal(const Event& a, const Event& b) {
  EXPECT_EQ(a.time, b.time);
  EXPECT_EQ(a.host, b.host);
  EXPECT_EQ(a.channel, b.channel);
  EXPECT_EQ(a.record_id, b.record_id);
  EXPECT_EQ(a.event_id, b.event_id);
  EXPECT_EQ(a.event_version, b.event_version);
  EXPECT_EQ(a.direction, b.direction);
  EXPECT_EQ(a.protocol, b.protocol);
  EXPECT_EQ(a.local_address, b.local_address);
  EXPECT_EQ(a.remote_address, b.remote_address);
  EXPECT_EQ(a.local_port, b.local_port);
  EXPECT_EQ(a.remote_port, b.remote_port);
  EXPECT_EQ(a.icmp_type, b.icmp_type);
  EXPECT_EQ(a.icmp_code, b.icmp_code);
  EXPECT_EQ(a.process_id, b.process_id);
  EXPECT_EQ(a.application, b.application);
  EXPECT_EQ(a.user, b.user);
  EXPECT_EQ(a.filter_id, b.filter_id);
  EXPECT_EQ(a.filter_name, b.filter_name);
  EXPECT_EQ(a.filter_origin, b.filter_origin);
  EXPECT_EQ(a.layer_id, b.layer_id);
  EXPECT_EQ(a.layer, b.layer);
  EXPECT_EQ(a.interface_index, b.interface_index);
  EXPECT_EQ(a.reason, b.reason);
  ASSERT_EQ(a.raw.size(), b.raw.size());
  for (std::size_t i = 0; i < a.raw.size(); ++i) {
    EXPECT_EQ(a.raw[i].name, b.raw[i].name);
    EXPECT_EQ(a.raw[i].value, b.raw[i].value);
  }
}

TEST(FormatEquality, XmlGivesTheSameEventAsTheRecordsValues) {
  if (!corpus()) GTEST_SKIP() << "BLOCKWATCH_CORPUS is not set";
  const std::vector<Json> records = lines_of("truth-dev.jsonl");
  std::string xml;
  for (const Json& record : records) xml += as_xml(record);
  const Reading reading = read_xml(xml);
  ASSERT_TRUE(reading.result);
  const auto events = reading.events();
  ASSERT_EQ(events.size(), records.size());
  HostKnowledge hosts;
  TextArena text;
  for (std::size_t i = 0; i < records.size(); ++i) {
    SCOPED_TRACE(records[i].dump());
    Built built = build_from(records[i]);
    hosts.settle(*built.event, text);
    expect_equal(events[i], *built.event);
  }
}

}  // namespace
}  // namespace blockwatch::winlog
