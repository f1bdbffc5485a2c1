// Hand-written inputs of each kind against the events they must give, in the contract's words.

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "storage/words.h"
#include "tests/winlog/read_text.h"

namespace blockwatch::winlog {
namespace {

using Json = nlohmann::ordered_json;

// Present fields only.
Json to_json(const Event& event) {
  Json json;
  const auto text = [&](const char* name, std::string_view value) {
    if (!value.empty()) json[name] = value;
  };
  const auto value = [&](const char* name, const auto& optional) {
    if (optional) json[name] = *optional;
  };
  json["time"] = format_rfc3339(event.time);
  text("source", event.source);
  text("host", event.host);
  text("channel", event.channel);
  value("record_id", event.record_id);
  json["event_id"] = event.event_id;
  json["event_version"] = event.event_version;
  json["action"] = to_word(action_of(event.event_id));
  json["scope"] = to_word(scope_of(event.event_id));
  if (event.direction) json["direction"] = to_word(*event.direction);
  value("protocol", event.protocol);
  if (event.local_address) json["local_address"] = format_ip_address(*event.local_address);
  value("local_port", event.local_port);
  if (event.remote_address) json["remote_address"] = format_ip_address(*event.remote_address);
  value("remote_port", event.remote_port);
  value("icmp_type", event.icmp_type);
  value("icmp_code", event.icmp_code);
  value("process_id", event.process_id);
  text("application", event.application);
  text("user", event.user);
  value("filter_id", event.filter_id);
  text("filter_name", event.filter_name);
  text("filter_origin", event.filter_origin);
  value("layer_id", event.layer_id);
  text("layer", event.layer);
  value("interface_index", event.interface_index);
  json["reason"] = to_word(event.reason);
  json["raw"] = Json::object();
  for (const RawField& field : event.raw) json["raw"][std::string(field.name)] = field.value;
  return json;
}

TEST(Golden, EveryInputGivesTheExpectedEvents) {
  int pairs = 0;
  for (const auto& entry : std::filesystem::directory_iterator(BLOCKWATCH_WINLOG_TEST_DATA)) {
    const std::filesystem::path input = entry.path();
    const std::string name = input.filename().string();
    if (name.find(".expected.") != std::string::npos || name.ends_with(".md")) continue;
    SCOPED_TRACE(name);
    const std::string text = file_text(input);
    const Reading reading = read_as(sniff_format(text).value(), text);
    ASSERT_TRUE(reading.result) << reading.result.error().message;
    EXPECT_EQ(reading.report.damaged, 0U);
    Json found = Json::array();
    for (const Event& event : reading.events()) found.push_back(to_json(event));
    std::filesystem::path expected = input;
    expected.replace_extension(".expected.json");
    EXPECT_EQ(found.dump(1), Json::parse(file_text(expected)).dump(1));
    ++pairs;
  }
  EXPECT_EQ(pairs, 5);
}

}  // namespace
}  // namespace blockwatch::winlog
