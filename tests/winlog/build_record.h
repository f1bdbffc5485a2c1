#pragma once
// Makes events of named values, as a reader would.

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "monitor/winlog/event_fields.h"

namespace blockwatch::winlog {

using Fields = std::vector<std::pair<std::string, std::string>>;

// An event and the text it points into.
struct Built {
  TextArena text;
  Result<Event> event;
};

inline SystemFields system_of(std::uint16_t event_id, std::uint8_t version = 0,
                              std::string_view host = "HOST1") {
  SystemFields system;
  system.provider = kProvider;
  system.event_id = event_id;
  system.version = version;
  system.time = parse_rfc3339("2024-05-06T07:08:09.1234567Z").value();
  system.record_id = 42;
  system.host = host;
  system.channel = "Security";
  return system;
}

inline Built build(const SystemFields& system, const Fields& fields) {
  Built built;
  const auto raw = built.text.array<RawField>(fields.size());
  std::vector<FieldRole> roles;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    raw[i] = {built.text.copy(fields[i].first), built.text.copy(fields[i].second)};
    roles.push_back(role_of(fields[i].first));
  }
  SystemFields kept = system;
  kept.host = built.text.copy(system.host);
  kept.channel = built.text.copy(system.channel);
  built.event = to_event(kept, raw, roles);
  return built;
}

inline Fields connection(std::string source, std::string source_port, std::string dest,
                         std::string dest_port, std::string protocol = "6",
                         std::string direction = "%%14592") {
  const std::string layer = direction == "%%14592" ? "%%14610" : "%%14611";
  return {{"ProcessID", "4"},
          {"Application", "System"},
          {"Direction", std::move(direction)},
          {"SourceAddress", std::move(source)},
          {"SourcePort", std::move(source_port)},
          {"DestAddress", std::move(dest)},
          {"DestPort", std::move(dest_port)},
          {"Protocol", std::move(protocol)},
          {"FilterRTID", "70000"},
          {"LayerName", layer},
          {"LayerRTID", "44"}};
}

}  // namespace blockwatch::winlog
