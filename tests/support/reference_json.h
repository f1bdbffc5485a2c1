#pragma once
// An event as JSON the slow way, by nlohmann's library and without any code of event_json.

#include <nlohmann/json.hpp>
#include <string>

#include "storage/event.h"
#include "storage/words.h"

namespace blockwatch {

using ReferenceJson = nlohmann::ordered_json;

// `raw`: with the recorded fields, whose names must differ.
inline ReferenceJson reference_json(const Event& e, bool raw) {
  using Json = ReferenceJson;
  auto text = [](std::string_view t) { return t.empty() ? Json(nullptr) : Json(t); };
  auto value = [](const auto& v) { return v ? Json(*v) : Json(nullptr); };
  auto word = [](const auto& v) { return v ? Json(to_word(*v)) : Json(nullptr); };
  auto address = [](const auto& v) { return v ? Json(format_ip_address(*v)) : Json(nullptr); };
  Json json;
  json["id"] = std::to_string(e.seq);
  json["seq"] = e.seq;
  json["time"] = format_rfc3339(e.time);
  json["received_time"] = format_rfc3339(e.received_time);
  json["source"] = text(e.source);
  json["host"] = text(e.host);
  json["record_id"] = value(e.record_id);
  json["event_id"] = e.event_id;
  json["event_version"] = e.event_version;
  json["action"] = to_word(action_of(e.event_id));
  json["scope"] = to_word(scope_of(e.event_id));
  json["direction"] = word(e.direction);
  json["protocol"] = value(e.protocol);
  json["protocol_name"] = e.protocol ? text(protocol_name(*e.protocol)) : Json(nullptr);
  json["local_address"] = address(e.local_address);
  json["local_port"] = value(e.local_port);
  json["remote_address"] = address(e.remote_address);
  json["remote_port"] = value(e.remote_port);
  json["icmp_type"] = value(e.icmp_type);
  json["icmp_code"] = value(e.icmp_code);
  json["process_id"] = value(e.process_id);
  json["application"] = text(e.application);
  json["application_name"] = text(application_name(e.application));
  json["user"] = text(e.user);
  json["filter_id"] = value(e.filter_id);
  json["filter_name"] = text(e.filter_name);
  json["filter_origin"] = text(e.filter_origin);
  json["layer_id"] = value(e.layer_id);
  json["layer"] = text(e.layer);
  json["interface_index"] = value(e.interface_index);
  json["reason"] = to_word(e.reason);
  if (raw) {
    json["raw"] = Json::object();
    for (const RawField& field : e.raw) json["raw"][std::string(field.name)] = field.value;
  }
  return json;
}

}  // namespace blockwatch
