#pragma once
// Rendered XML of a blocked outbound connection, as Windows 10 writes it.

#include <cstdint>
#include <string>

namespace blockwatch {

inline std::string rendered_event(std::uint64_t record_id, int event_id = 5157,
                                  const std::string& remote_port = "443") {
  return "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System>"
         "<Provider Name='Microsoft-Windows-Security-Auditing' "
         "Guid='{54849625-5478-4994-a5ba-3e3b0328c30d}'/><EventID>" +
         std::to_string(event_id) +
         "</EventID><Version>1</Version><Level>0</Level><Task>12810</Task><Opcode>0</Opcode>"
         "<Keywords>0x8010000000000000</Keywords><TimeCreated "
         "SystemTime='2026-01-02T03:04:05.1234567Z'/><EventRecordID>" +
         std::to_string(record_id) +
         "</EventRecordID><Correlation/><Execution ProcessID='4' ThreadID='56'/><Channel>Security"
         "</Channel><Computer>PC01.example.test</Computer><Security/></System><EventData>"
         "<Data Name='ProcessID'>1234</Data><Data Name='Application'>"
         "\\device\\harddiskvolume2\\tools\\curl.exe</Data><Data Name='Direction'>%%14593</Data>"
         "<Data Name='SourceAddress'>10.0.0.5</Data><Data Name='SourcePort'>50000</Data>"
         "<Data Name='DestAddress'>192.0.2.7</Data><Data Name='DestPort'>" +
         remote_port +
         "</Data><Data Name='Protocol'>6</Data><Data Name='FilterRTID'>70001</Data>"
         "<Data Name='LayerName'>%%14611</Data><Data Name='LayerRTID'>48</Data>"
         "<Data Name='RemoteUserID'>S-1-0-0</Data><Data Name='RemoteMachineID'>S-1-0-0</Data>"
         "</EventData></Event>\n";
}

// Records `first` to `last`, both included.
inline std::string rendered_events(std::uint64_t first, std::uint64_t last) {
  std::string text;
  for (std::uint64_t id = first; id <= last; ++id) text += rendered_event(id);
  return text;
}

}  // namespace blockwatch
