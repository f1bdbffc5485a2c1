#include "tests/support/demo_log.h"

#include "tests/support/evtx_builder_records.h"

namespace blockwatch {
namespace {

using testing::Flow;
using testing::RecordSpec;
using testing::Windows;

constexpr const char* kChrome =
    R"(\device\harddiskvolume3\program files\google\chrome\application\chrome.exe)";
constexpr const char* kTool = R"(\device\harddiskvolume3\users\kim\downloads\updater.exe)";
constexpr const char* kSvchost = R"(\device\harddiskvolume3\windows\system32\svchost.exe)";

Flow outbound(const char* application, std::uint64_t process_id, const char* to, std::uint16_t port,
              std::uint32_t protocol = 6) {
  return {.process_id = process_id,
          .application = application,
          .inbound = false,
          .source_address = "192.168.1.20",
          .source_port = 51'204,
          .dest_address = to,
          .dest_port = port,
          .protocol = protocol,
          .filter_id = 71'204,
          .layer_name = "%%14611",
          .layer_id = 48,
          .filter_origin = "Default Outbound"};
}

Flow inbound(const char* application, std::uint64_t process_id, const char* from,
             std::uint16_t port, std::uint32_t protocol = 6) {
  return {.process_id = process_id,
          .application = application,
          .source_address = from,
          .source_port = 49'870,
          .dest_address = "192.168.1.20",
          .dest_port = port,
          .protocol = protocol,
          .filter_id = 70'081};
}

// A packet for a port where nothing listens: no process, transport layer.
Flow unheard(const char* from, std::uint16_t port) {
  Flow flow = inbound("-", 0, from, port);
  flow.layer_name = "%%14597";
  flow.layer_id = 13;
  flow.filter_origin = "Stealth";
  return flow;
}

// Windows 7 puts the host's own side first in inbound connections.
Flow local_first(Flow flow) {
  std::swap(flow.source_address, flow.dest_address);
  std::swap(flow.source_port, flow.dest_port);
  return flow;
}

std::vector<RecordSpec> of_windows_11() {
  Flow quarantine = inbound("System", 4, "192.168.1.1", 137, 17);
  quarantine.filter_origin = "Quarantine Default";
  Flow ping = inbound("System", 4, "203.0.113.9", 8, 1);
  ping.source_port = 0;
  Flow six = outbound(kTool, 8124, "2001:db8::443", 443);
  six.source_address = "2001:db8:1::20";
  six.layer_id = 50;
  return {testing::logon(2),
          testing::connection(5157, Windows::k11, outbound(kTool, 8124, "203.0.113.77", 443)),
          testing::connection(5157, Windows::k11, inbound(kSvchost, 1180, "192.168.1.77", 3389)),
          testing::connection(5157, Windows::k11, inbound("System", 4, "192.168.1.77", 445)),
          testing::connection(5156, Windows::k11, outbound(kChrome, 5312, "198.51.100.25", 443)),
          testing::packet(5152, Windows::k11, unheard("203.0.113.5", 23)),
          testing::packet(5152, Windows::k11, unheard("203.0.113.5", 8080)),
          testing::connection(5157, Windows::k11, quarantine),
          testing::packet(5152, Windows::k11, ping),
          testing::connection(5157, Windows::k11, six),
          testing::blocked_application(R"(C:\Users\kim\Downloads\updater.exe)")};
}

std::vector<RecordSpec> of_windows_10() {
  return {testing::process_created(2, R"(C:\Windows\System32\notepad.exe)"),
          testing::connection(5157, Windows::k10, outbound(kChrome, 5312, "198.51.100.200", 8443)),
          testing::connection(5157, Windows::k10, inbound(kSvchost, 1180, "192.168.1.31", 5985)),
          testing::packet(5152, Windows::k10, unheard("198.51.100.14", 3389)),
          testing::packet(5153, Windows::k10, inbound("System", 4, "192.168.1.31", 445)),
          testing::port_event(5155, {.process_id = 2628,
                                     .application = kTool,
                                     .source_address = "0.0.0.0",
                                     .source_port = 5555,
                                     .layer_name = "%%14609",
                                     .layer_id = 40}),
          testing::port_event(5159, {.process_id = 2628,
                                     .application = kTool,
                                     .source_address = "0.0.0.0",
                                     .source_port = 5556,
                                     .layer_name = "%%14608",
                                     .layer_id = 36})};
}

std::vector<RecordSpec> of_windows_7() {
  return {testing::logon(0),
          testing::connection(5157, Windows::k7,
                              local_first(inbound(kSvchost, 812, "192.168.1.90", 135))),
          testing::connection(5157, Windows::k7, outbound(kChrome, 3120, "203.0.113.200", 6667)),
          testing::packet(5152, Windows::k7, unheard("192.168.1.90", 1433)),
          testing::connection(5156, Windows::k7,
                              local_first(inbound("System", 4, "192.168.1.90", 445)))};
}

}  // namespace

std::string demo_log() {
  testing::EvtxBuilder builder;
  std::int64_t seconds = 1'767'600'000;
  std::uint64_t record_id = 240'001;
  const auto add_all = [&](std::vector<RecordSpec> records, const char* computer) {
    for (RecordSpec& record : records) {
      record.computer = computer;
      record.record_id = record_id++;
      record.time = Timestamp{seconds * Timestamp::kTicksPerSecond + 1'234'567};
      seconds += 7;
      builder.add(record);
    }
    builder.end_chunk();
  };
  add_all(of_windows_11(), "LAPTOP-KIM.example.org");
  add_all(of_windows_10(), "PC-17.example.org");
  add_all(of_windows_7(), "OLDPC.example.org");
  const auto bytes = builder.bytes();
  return {bytes.begin(), bytes.end()};
}

}  // namespace blockwatch
