#pragma once
// Records as Windows writes them: field names, types and order of every template version that
// the reference knows (Windows 7 to 11).

#include "tests/support/evtx_builder.h"

namespace blockwatch::testing {

// Which Windows wrote it; the layouts differ where the comment says so.
enum class Windows : std::uint8_t { k7, k10, k11 };

struct Flow {
  std::uint64_t process_id = 4321;
  std::string application = R"(\device\harddiskvolume3\windows\system32\svchost.exe)";
  bool inbound = true;
  std::string source_address = "192.0.2.10";
  std::uint16_t source_port = 50000;
  std::string dest_address = "198.51.100.7";
  std::uint16_t dest_port = 443;
  std::uint32_t protocol = 6;
  std::uint64_t filter_id = 70001;
  std::string layer_name = "%%14610";
  std::uint64_t layer_id = 44;
  std::string filter_origin = "Query User Default";  // Windows 11 only
  std::uint32_t interface_index = 12;                // Windows 11 only
};

// 5031: Windows Firewall blocked an application from accepting connections.
RecordSpec blocked_application(std::string_view path, std::string_view profiles = "Public");
// 5150 or 5151; Windows 7 has another layout than later ones.
RecordSpec mac_packet(std::uint16_t event_id, Windows windows, const Flow& flow);
// 5152 or 5153: version 1 with FilterOrigin on Windows 11.
RecordSpec packet(std::uint16_t event_id, Windows windows, const Flow& flow);
// 5154, 5155, 5158 or 5159.
RecordSpec port_event(std::uint16_t event_id, const Flow& flow);
// 5156 (13 fields, 15 on Windows 11) or 5157 (version 3 with 19 fields on Windows 11).
RecordSpec connection(std::uint16_t event_id, Windows windows, const Flow& flow);
// 4624 and 4688, shortened; their version tells the Windows generation.
RecordSpec logon(std::uint8_t version);
RecordSpec process_created(std::uint8_t version, std::string_view path);

}  // namespace blockwatch::testing
