// Which side of an inbound connection is the host's own.

#include "monitor/winlog/host_knowledge.h"

#include <gtest/gtest.h>

#include "storage/words.h"
#include "tests/winlog/build_record.h"

namespace blockwatch::winlog {
namespace {

Fields with(Fields fields, std::string name, std::string value) {
  fields.push_back({std::move(name), std::move(value)});
  return fields;
}

Event settled(HostKnowledge& hosts, Built& built) {
  TextArena text;
  hosts.settle(*built.event, text);
  return *built.event;
}

std::string local(const Event& event) {
  return event.local_address ? format_ip_address(*event.local_address) : "";
}

// The local address that a lone event is given.
std::string local_of(HostKnowledge& hosts, std::uint16_t id, std::uint8_t version,
                     const Fields& fields, std::string_view host = "HOST1") {
  Built built = build(system_of(id, version, host), fields);
  return local(settled(hosts, built));
}

TEST(Orientation, OutboundSourceIsLocal) {
  HostKnowledge hosts;
  EXPECT_EQ(
      local_of(hosts, 5156, 1, connection("10.0.0.1", "50000", "10.0.0.2", "443", "6", "%%14593")),
      "10.0.0.1");
}

TEST(Orientation, NothingIsKeptAboutAHostWhoseNameIsTooLong) {
  const Fields plain = connection("10.0.0.1", "50000", "10.0.0.2", "445");  // looks new
  for (std::size_t size : {HostKnowledge::kMaxNameBytes, HostKnowledge::kMaxNameBytes + 1}) {
    const std::string name(size, 'h');
    const bool kept = size == HostKnowledge::kMaxNameBytes;
    HostKnowledge hosts;
    hosts.observe(name, 4624, 1);
    EXPECT_EQ(local_of(hosts, 5156, 0, plain, name), kept ? "10.0.0.1" : "10.0.0.2");
    HostKnowledge others;
    local_of(others, 5158, 0, connection("10.0.0.1", "1", "", "", "6", "%%14593"), name);
    EXPECT_EQ(local_of(others, 5156, 0, plain, name), kept ? "10.0.0.1" : "10.0.0.2");
  }
}

TEST(Orientation, InboundPacketsFollowTheirHeaderEverywhere) {
  for (int generation : {0, 1, 2}) {
    HostKnowledge hosts;
    hosts.observe("HOST1", 4624, static_cast<std::uint8_t>(generation));
    for (std::uint16_t id : {std::uint16_t{5152}, std::uint16_t{5153}}) {
      EXPECT_EQ(local_of(hosts, id, 0, connection("203.0.113.5", "443", "10.0.0.1", "50000")),
                "10.0.0.1");
    }
  }
}

TEST(Orientation, ForwardedTrafficKeepsTheHeaderOrder) {
  HostKnowledge hosts;
  EXPECT_EQ(
      local_of(hosts, 5152, 0, connection("203.0.113.5", "1", "10.0.0.1", "2", "17", "%%14594")),
      "203.0.113.5");
}

TEST(Orientation, NewLayoutsPutTheHostInDest) {
  const Fields plain = connection("10.0.0.1", "445", "10.0.0.2", "50000");  // looks old
  HostKnowledge hosts;
  hosts.observe("HOST1", 4624, 1);
  EXPECT_EQ(local_of(hosts, 5156, 1, with(plain, "InterfaceIndex", "9")), "10.0.0.2");
  HostKnowledge others;
  others.observe("HOST1", 4624, 1);
  EXPECT_EQ(local_of(others, 5157, 1, with(plain, "FilterOrigin", "Stealth")), "10.0.0.2");
  EXPECT_EQ(local_of(others, 5157, 3, plain), "10.0.0.2");
}

TEST(Orientation, GroupSideIsLocal) {
  const char* groups[] = {"224.0.0.251", "255.255.255.255", "10.0.0.255"};
  for (const char* group : groups) {
    HostKnowledge hosts;
    EXPECT_EQ(local_of(hosts, 5156, 1, connection(group, "5353", "10.0.0.7", "5353", "17")), group);
    EXPECT_EQ(local_of(hosts, 5156, 1, connection("10.0.0.7", "5353", group, "5353", "17")), group);
  }
  HostKnowledge hosts;
  EXPECT_EQ(local_of(hosts, 5156, 1, connection("ff02::fb", "5353", "fe80::1", "5353", "17")),
            "ff02::fb");
  // A /20's broadcast address and a host in it.
  EXPECT_EQ(
      local_of(hosts, 5156, 1, connection("10.0.223.255", "137", "10.0.209.241", "137", "17")),
      "10.0.223.255");
}

TEST(Orientation, NoBroadcastAcrossNetworksNorForTcp) {
  HostKnowledge hosts;
  EXPECT_EQ(local_of(hosts, 5156, 1, connection("10.0.0.255", "137", "10.0.1.7", "137", "17")),
            "10.0.1.7");  // 10.0.0.255 ends no network that 10.0.1.7 is in
  HostKnowledge others;
  EXPECT_EQ(local_of(others, 5156, 1, connection("10.0.0.255", "50000", "10.0.0.7", "49999")),
            "10.0.0.7");
  EXPECT_EQ(local_of(others, 5156, 1, connection("255.255.255.254", "1", "0.0.0.1", "1", "17")),
            "0.0.0.1");
}

TEST(Orientation, KnownAddressDecides) {
  const Fields inbound = connection("10.0.0.1", "50001", "10.0.0.2", "50002");
  struct Lesson {
    std::uint16_t id;
    Fields fields;
  };
  const Lesson lessons[] = {
      {5156, connection("10.0.0.1", "50000", "198.51.100.1", "443", "6", "%%14593")},
      {5157, connection("10.0.0.1", "50000", "198.51.100.1", "443", "6", "%%14593")},
      {5158, {{"SourceAddress", "10.0.0.1"}, {"SourcePort", "1"}}},
      {5159, {{"SourceAddress", "10.0.0.1"}, {"SourcePort", "1"}}},
      {5154, {{"SourceAddress", "10.0.0.1"}, {"SourcePort", "1"}, {"LayerName", "%%14609"}}},
      {5155, {{"SourceAddress", "10.0.0.1"}, {"SourcePort", "1"}, {"LayerName", "%%14609"}}},
      {5152, connection("198.51.100.1", "5", "10.0.0.1", "6")},
  };
  for (const Lesson& lesson : lessons) {
    HostKnowledge hosts;
    local_of(hosts, lesson.id, 0, lesson.fields);
    EXPECT_EQ(local_of(hosts, 5157, 1, inbound), "10.0.0.1") << lesson.id;
    EXPECT_EQ(local_of(hosts, 5157, 1, inbound, "HOST2"), "10.0.0.2") << "of another host";
  }
}

TEST(Orientation, UnspecificAddressesTeachNothing) {
  for (const char* address : {"0.0.0.0", "::", "127.0.0.1", "::1", "224.0.0.1"}) {
    HostKnowledge hosts;
    local_of(hosts, 5158, 0, {{"SourceAddress", address}, {"SourcePort", "1"}});
    EXPECT_EQ(local_of(hosts, 5157, 1, connection(address, "50001", "10.0.0.2", "50002", "6")),
              "10.0.0.2")
        << address;
  }
}

TEST(Orientation, WindowsGenerationDecides) {
  const Fields undecided = connection("10.0.0.1", "50001", "10.0.0.2", "50002");
  struct Evidence {
    std::uint32_t id;
    std::uint8_t version;
    const char* local;
  };
  const Evidence evidence[] = {
      {4624, 0, "10.0.0.1"}, {4624, 1, "10.0.0.1"}, {4688, 0, "10.0.0.1"}, {4688, 1, "10.0.0.1"},
      {4624, 2, "10.0.0.2"}, {4624, 3, "10.0.0.2"}, {4688, 2, "10.0.0.2"}, {4672, 0, "10.0.0.2"},
  };
  for (const Evidence& e : evidence) {
    HostKnowledge hosts;
    hosts.observe("HOST1", e.id, e.version);
    EXPECT_EQ(local_of(hosts, 5156, 1, undecided), e.local) << e.id << " v" << int{e.version};
  }
}

TEST(Orientation, LaterEvidenceOfTheGenerationWins) {
  const Fields undecided = connection("10.0.0.1", "50001", "10.0.0.2", "50002");
  HostKnowledge hosts;
  hosts.observe("HOST1", 4624, 1);
  EXPECT_EQ(local_of(hosts, 5156, 1, undecided), "10.0.0.1");
  hosts.observe("HOST1", 4624, 2);  // upgraded in place
  EXPECT_EQ(local_of(hosts, 5156, 1, undecided), "10.0.0.2");
}

TEST(Orientation, ProvenDecisionTellsTheGeneration) {
  HostKnowledge hosts;
  local_of(hosts, 5156, 1, connection("224.0.0.251", "5353", "10.0.0.7", "5353", "17"));
  EXPECT_EQ(local_of(hosts, 5157, 1, connection("10.0.0.1", "50001", "10.0.0.2", "50002")),
            "10.0.0.1");
  local_of(hosts, 5152, 1, connection("198.51.100.1", "5", "10.9.9.9", "6"));  // Windows 11
  EXPECT_EQ(local_of(hosts, 5157, 1, connection("10.0.0.1", "50001", "10.0.0.2", "50002")),
            "10.0.0.2");
}

TEST(Orientation, ServicePortIsLocal) {
  HostKnowledge hosts;
  EXPECT_EQ(local_of(hosts, 5156, 1, connection("10.0.0.1", "445", "10.0.0.2", "49222")),
            "10.0.0.1");
  EXPECT_EQ(local_of(hosts, 5156, 1, connection("10.0.0.1", "49222", "10.0.0.2", "445")),
            "10.0.0.2");
  EXPECT_EQ(local_of(hosts, 5156, 1, connection("10.0.0.1", "443", "10.0.0.2", "30000")),
            "10.0.0.1");
  // A datagram from port 53 is an answer; nothing follows from it.
  EXPECT_EQ(local_of(hosts, 5156, 1, connection("10.0.0.1", "53", "10.0.0.2", "50000", "17")),
            "10.0.0.2");
}

TEST(Orientation, IcmpTypeIsOnTheHostsSide) {
  HostKnowledge hosts;
  Built old = build(system_of(5157, 1), connection("10.0.0.1", "8", "10.0.0.2", "0", "1"));
  Event event = settled(hosts, old);
  EXPECT_EQ(local(event), "10.0.0.1");
  EXPECT_EQ(event.icmp_type, 8);
  EXPECT_EQ(event.icmp_code, 0);
  EXPECT_EQ(event.local_port, std::nullopt);
  EXPECT_EQ(event.remote_port, std::nullopt);
  Built recent = build(system_of(5157, 1), connection("fe80::1", "0", "fe80::2", "134", "58"));
  event = settled(hosts, recent);
  EXPECT_EQ(local(event), "fe80::2");
  EXPECT_EQ(event.icmp_type, 134);
  EXPECT_EQ(event.icmp_code, 0);
}

TEST(Orientation, UndecidedIsRecentWindows) {
  HostKnowledge hosts;
  EXPECT_EQ(local_of(hosts, 5157, 1, connection("10.0.0.1", "50001", "10.0.0.2", "50002")),
            "10.0.0.2");
}

TEST(Orientation, SelfConnectionsAreHarmless) {
  HostKnowledge hosts;
  Built built = build(system_of(5156, 1), connection("127.0.0.1", "50001", "127.0.0.1", "135"));
  const Event event = settled(hosts, built);
  EXPECT_EQ(local(event), "127.0.0.1");
  EXPECT_EQ(event.local_port, 135);
  EXPECT_EQ(event.remote_port, 50001);
}

TEST(Orientation, RawStaysAsRecorded) {
  HostKnowledge hosts;
  Built built = build(system_of(5157, 1), connection("10.0.0.9", "50001", "10.0.0.2", "445"));
  const Event event = settled(hosts, built);
  EXPECT_EQ(local(event), "10.0.0.2");
  EXPECT_EQ(event.raw[3].name, "SourceAddress");
  EXPECT_EQ(event.raw[3].value, "10.0.0.9");
}

TEST(Orientation, ManyHostsAndAddressesStayBounded) {
  HostKnowledge hosts;
  for (int i = 0; i < 10000; ++i) {
    const std::string host = "H" + std::to_string(i);
    const std::string address = "10.1." + std::to_string(i / 256) + "." + std::to_string(i % 256);
    local_of(hosts, 5158, 0, {{"SourceAddress", address}}, host);
    local_of(hosts, 5158, 0, {{"SourceAddress", address}}, "BUSY");
  }
  // The newest are known, the oldest are forgotten.
  EXPECT_EQ(
      local_of(hosts, 5157, 1, connection("10.1.39.15", "50001", "10.0.0.2", "50002"), "H9999"),
      "10.1.39.15");
  EXPECT_EQ(local_of(hosts, 5157, 1, connection("10.1.0.0", "50001", "10.0.0.2", "50002"), "H0"),
            "10.0.0.2");
  EXPECT_EQ(
      local_of(hosts, 5157, 1, connection("10.1.39.15", "50001", "10.0.0.2", "50002"), "BUSY"),
      "10.1.39.15");
  EXPECT_EQ(local_of(hosts, 5157, 1, connection("10.1.0.0", "50001", "10.0.9.9", "50002"), "BUSY"),
            "10.1.0.0");  // forgotten, but the host is now known to be of the old kind
}

TEST(Icmp, PortsBecomeTypeAndCode) {
  HostKnowledge hosts;
  const auto settle = [&](std::uint16_t id, const Fields& fields) {
    Built built = build(system_of(id, 1), fields);
    return settled(hosts, built);
  };
  Event event = settle(5156, connection("10.0.0.1", "8", "10.0.0.2", "0", "1", "%%14593"));
  EXPECT_EQ(event.icmp_type, 8);
  EXPECT_EQ(event.icmp_code, 0);
  event = settle(5152, connection("203.0.113.5", "1", "10.0.0.1", "3", "1"));  // code, type
  EXPECT_EQ(event.icmp_type, 3);
  EXPECT_EQ(event.icmp_code, 1);
  EXPECT_EQ(event.local_port, std::nullopt);
  event = settle(5158, {{"SourceAddress", "10.0.0.1"}, {"SourcePort", "0"}, {"Protocol", "1"}});
  EXPECT_EQ(event.icmp_type, std::nullopt);
  EXPECT_EQ(event.local_port, std::nullopt);
  event = settle(5156, connection("10.0.0.1", "300", "10.0.0.2", "0", "58", "%%14593"));
  EXPECT_EQ(event.icmp_type, std::nullopt);
  EXPECT_EQ(event.icmp_code, 0);
  event = settle(5156, connection("10.0.0.1", "300", "10.0.0.2", "0", "17", "%%14593"));
  EXPECT_EQ(event.local_port, 300);
}

TEST(Icmp, ErrorLayerHasNoType) {
  HostKnowledge hosts;
  Fields fields = connection("10.0.0.1", "0", "203.0.113.5", "0", "1", "%%14593");
  for (auto& [name, value] : fields) {
    if (name == "LayerName") value = "%%14601";
  }
  Built built = build(system_of(5152), fields);
  const Event event = settled(hosts, built);
  EXPECT_EQ(event.icmp_type, std::nullopt);
  EXPECT_EQ(event.icmp_code, std::nullopt);
  EXPECT_EQ(event.local_port, std::nullopt);
}

}  // namespace
}  // namespace blockwatch::winlog
