#pragma once
// Small records of a made-up host, for tests of the text readers.

#include <cstdint>
#include <string>
#include <string_view>

namespace blockwatch::winlog {

// `extra` becomes the value of a field that Windows does not have.
inline std::string xml_event(std::size_t record_id, std::string_view extra = "",
                             unsigned event_id = 5157) {
  return "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System>"
         "<Provider Name='Microsoft-Windows-Security-Auditing'/><EventID>" +
         std::to_string(event_id) +
         "</EventID><Version>1</Version>"
         "<TimeCreated SystemTime='2024-05-06T07:08:09.123456700Z'/><EventRecordID>" +
         std::to_string(record_id) +
         "</EventRecordID><Channel>Security</Channel><Computer>HOST1</Computer></System><EventData>"
         "<Data Name='ProcessID'>4</Data><Data Name='Application'>System</Data>"
         "<Data Name='Direction'>%%14592</Data><Data Name='SourceAddress'>203.0.113.9</Data>"
         "<Data Name='SourcePort'>50000</Data><Data Name='DestAddress'>192.0.2.10</Data>"
         "<Data Name='DestPort'>445</Data><Data Name='Protocol'>6</Data>"
         "<Data Name='Extra'>" +
         std::string(extra) + "</Data></EventData></Event>\n";
}

// As winlogbeat 7 writes it. `extra` must be valid within a JSON string.
inline std::string json_event(std::size_t record_id, std::string_view extra = "") {
  return R"({"@timestamp":"2024-05-06T07:08:09.123Z","winlog":{"event_id":5157,"version":1,)"
         R"("provider_name":"Microsoft-Windows-Security-Auditing","channel":"Security",)"
         R"("computer_name":"HOST1","record_id":)" +
         std::to_string(record_id) +
         R"(,"event_data":{"ProcessID":"4","Application":"System","Direction":"%%14592",)"
         R"("SourceAddress":"203.0.113.9","SourcePort":"50000","DestAddress":"192.0.2.10",)"
         R"("DestPort":"445","Protocol":"6","Extra":")" +
         std::string(extra) + R"("}}})";
}

}  // namespace blockwatch::winlog
