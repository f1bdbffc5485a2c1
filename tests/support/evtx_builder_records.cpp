#include "tests/support/evtx_builder_records.h"

namespace blockwatch::testing {

namespace {

constexpr std::uint64_t kFailure = 0x8010000000000000;
constexpr std::uint16_t kPacketDropTask = 12809;
constexpr std::uint16_t kLogonTask = 12544;
constexpr std::uint16_t kProcessTask = 13312;

bool is_failure(std::uint16_t event_id) {
  return event_id == 5031 || event_id == 5152 || event_id == 5155 || event_id == 5157 ||
         event_id == 5159;
}

RecordSpec record(std::uint16_t event_id, std::uint8_t version) {
  RecordSpec spec;
  spec.event_id = event_id;
  spec.version = version;
  if (is_failure(event_id)) spec.keywords = kFailure;
  return spec;
}

void put_sides(RecordSpec& spec, const Flow& flow) {
  spec.data.push_back(text_field("Direction", flow.inbound ? "%%14592" : "%%14593"));
  spec.data.push_back(text_field("SourceAddress", flow.source_address));
  spec.data.push_back(text_field("SourcePort", std::to_string(flow.source_port)));
  spec.data.push_back(text_field("DestAddress", flow.dest_address));
  spec.data.push_back(text_field("DestPort", std::to_string(flow.dest_port)));
}

void put_filter(RecordSpec& spec, const Flow& flow) {
  spec.data.push_back(uint64_field("FilterRTID", flow.filter_id));
  spec.data.push_back(text_field("LayerName", flow.layer_name));
  spec.data.push_back(uint64_field("LayerRTID", flow.layer_id));
}

}  // namespace

RecordSpec blocked_application(std::string_view path, std::string_view profiles) {
  RecordSpec spec = record(5031, 0);
  spec.data = {text_field("Profiles", profiles), text_field("Application", path)};
  return spec;
}

RecordSpec mac_packet(std::uint16_t event_id, Windows windows, const Flow& flow) {
  RecordSpec spec = record(event_id, 0);
  spec.data = {text_field("Direction", flow.inbound ? "%%14592" : "%%14593"),
               text_field("SourceAddress", flow.source_address),
               text_field("DestAddress", flow.dest_address),
               {"EtherType", 0x14, {0x00, 0x08, 0x00, 0x00}}};
  if (windows == Windows::k7) {
    spec.data.push_back(uint32_field("EncapMethod", 1));
    spec.data.push_back({"SnapControl", 0x14, {0x03, 0x00, 0x00, 0x00}});
    spec.data.push_back({"SnapOui", 0x14, {0x00, 0x00, 0x00, 0x00}});
  } else {
    spec.data.push_back(uint32_field("MediaType", 0));
    spec.data.push_back(uint32_field("InterfaceType", 6));
  }
  spec.data.push_back(uint32_field("VlanTag", 0));
  put_filter(spec, flow);
  return spec;
}

RecordSpec packet(std::uint16_t event_id, Windows windows, const Flow& flow) {
  const bool origin = windows == Windows::k11;
  RecordSpec spec = record(event_id, origin ? 1 : 0);
  spec.task = kPacketDropTask;
  spec.data = {uint64_field("ProcessId", flow.process_id),
               text_field("Application", flow.application)};
  put_sides(spec, flow);
  spec.data.push_back(uint32_field("Protocol", flow.protocol));
  if (origin) spec.data.push_back(text_field("FilterOrigin", flow.filter_origin));
  put_filter(spec, flow);
  return spec;
}

RecordSpec port_event(std::uint16_t event_id, const Flow& flow) {
  RecordSpec spec = record(event_id, 0);
  spec.data = {uint64_field("ProcessId", flow.process_id),
               text_field("Application", flow.application),
               text_field("SourceAddress", flow.source_address),
               text_field("SourcePort", std::to_string(flow.source_port)),
               uint32_field("Protocol", flow.protocol)};
  put_filter(spec, flow);
  return spec;
}

RecordSpec connection(std::uint16_t event_id, Windows windows, const Flow& flow) {
  const bool windows11 = windows == Windows::k11;
  const bool profiles = windows11 && event_id == 5157;
  RecordSpec spec = record(event_id, profiles ? 3 : 1);
  spec.data = {uint64_field("ProcessID", flow.process_id),
               text_field("Application", flow.application)};
  put_sides(spec, flow);
  spec.data.push_back(uint32_field("Protocol", flow.protocol));
  if (windows11) {
    spec.data.push_back(uint32_field("InterfaceIndex", flow.interface_index));
    spec.data.push_back(text_field("FilterOrigin", flow.filter_origin));
  }
  put_filter(spec, flow);
  spec.data.push_back(sid_field("RemoteUserID", "S-1-0-0"));
  spec.data.push_back(sid_field("RemoteMachineID", "S-1-0-0"));
  if (profiles) {
    spec.data.push_back(text_field("OriginalProfile", "Public"));
    spec.data.push_back(text_field("CurrentProfile", "Public"));
    spec.data.push_back(text_field("IsLoopback", "%%14679"));
    spec.data.push_back(text_field("HasRemoteDynamicKeywordAddress", "%%14679"));
  }
  return spec;
}

RecordSpec logon(std::uint8_t version) {
  RecordSpec spec = record(4624, version);
  spec.task = kLogonTask;
  spec.process_id = 600;
  spec.data = {sid_field("SubjectUserSid", "S-1-5-18"),
               text_field("SubjectUserName", "WS01$"),
               text_field("SubjectDomainName", "EXAMPLE"),
               hex64_field("SubjectLogonId", 0x3e7),
               sid_field("TargetUserSid", "S-1-5-21-1004336348-1177238915-682003330-1001"),
               text_field("TargetUserName", "user"),
               text_field("TargetDomainName", "EXAMPLE"),
               hex64_field("TargetLogonId", 0x1a2b3c),
               uint32_field("LogonType", 3),
               text_field("LogonProcessName", "Kerberos"),
               text_field("AuthenticationPackageName", "Kerberos"),
               text_field("WorkstationName", "-"),
               size_field("ProcessId", 0x258),
               text_field("ProcessName", R"(C:\Windows\System32\lsass.exe)"),
               text_field("IpAddress", "192.0.2.10"),
               text_field("IpPort", "49320")};
  return spec;
}

RecordSpec process_created(std::uint8_t version, std::string_view path) {
  RecordSpec spec = record(4688, version);
  spec.task = kProcessTask;
  spec.data = {sid_field("SubjectUserSid", "S-1-5-18"),
               text_field("SubjectUserName", "WS01$"),
               text_field("SubjectDomainName", "EXAMPLE"),
               hex64_field("SubjectLogonId", 0x3e7),
               size_field("NewProcessId", 0x1f4),
               text_field("NewProcessName", path),
               text_field("TokenElevationType", "%%1936"),
               size_field("ProcessId", 0x258),
               text_field("CommandLine", path)};
  return spec;
}

}  // namespace blockwatch::testing
