#include "monitor/winlog/json_lines_shapes.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include "monitor/winlog/codes.h"
#include "storage/words.h"

namespace blockwatch::winlog {

namespace {

using Node = JsonTree::Node;
using Kind = JsonTree::Kind;

// Every name in the templates of 5031 and 5150 to 5159 from Vista to Windows 11.
constexpr std::array<std::string_view, 30> kDataNames{
    "ProcessId",       "Application",     "Direction",
    "SourceAddress",   "SourcePort",      "DestAddress",
    "DestPort",        "Protocol",        "InterfaceIndex",
    "FilterOrigin",    "FilterName",      "FilterRTID",
    "LayerName",       "LayerRTID",       "RemoteUserID",
    "RemoteMachineID", "OriginalProfile", "CurrentProfile",
    "IsLoopback",      "Profiles",        "HasRemoteDynamicKeywordAddress",
    "EtherType",       "MediaType",       "InterfaceType",
    "VlanTag",         "EncapMethod",     "SnapControl",
    "SnapOui",         "FilterAction",    "SublayerInformation"};

bool is_data_name(std::string_view name) {
  return std::any_of(kDataNames.begin(), kDataNames.end(),
                     [name](std::string_view known) { return equal_ignoring_case(name, known); });
}

bool is_text(const Node* node) {
  return node != nullptr &&
         (node->kind == Kind::kString || node->kind == Kind::kNumber || node->kind == Kind::kBool);
}

bool is_string(const Node* node) { return node != nullptr && node->kind == Kind::kString; }

std::string_view text(const Node* node) {
  if (node == nullptr || !is_text(node)) return {};
  return node->text;
}

template <class T>
std::optional<T> number(const Node* node) {
  const std::string_view digits = text(node);
  T value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (digits.empty() || error != std::errc() || end != digits.data() + digits.size()) {
    return std::nullopt;
  }
  return value;
}

bool has_zone(std::string_view time) {
  if (time.ends_with('Z') || time.ends_with('z')) return true;
  constexpr std::size_t kDate = 10;  // its hyphens are no signs of an offset
  return time.size() > kDate && time.find_first_of("+-", kDate) != std::string_view::npos;
}

// The text of an element in XML turned to JSON: itself, or the member that converters use for it.
std::string_view element_text(const JsonTree& tree, const Node* node) {
  if (node == nullptr || node->kind != Kind::kObject) return text(node);
  for (const char* name : {"#text", "text", "_", "$t", "__text"}) {
    if (const Node* value = tree.find(node, name)) return text(value);
  }
  return {};
}

std::string_view attribute(const JsonTree& tree, const Node* node, std::string_view name) {
  for (const char* group : {"#attributes", "$", "_attributes"}) {
    if (const Node* value = tree.find(tree.find(node, group), name)) return text(value);
  }
  if (const Node* value = tree.find(node, name)) return text(value);
  std::string marked("@");
  marked += name;
  return text(tree.find(node, marked));
}

template <class T>
std::optional<T> element_number(const JsonTree& tree, const Node* node) {
  const std::string_view digits = element_text(tree, node);
  T value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (digits.empty() || error != std::errc() || end != digits.data() + digits.size()) {
    return std::nullopt;
  }
  return value;
}

// Names and values, as an object or as the list of <Data> elements that a converter made.
void read_data(const JsonTree& tree, const Node* data, TextRecord& record) {
  if (data == nullptr || data->kind != Kind::kObject) return;
  const auto add_element = [&](const Node& element) {
    const std::string_view name = attribute(tree, &element, "Name");
    if (!name.empty()) record.add(name, element_text(tree, &element));
  };
  tree.for_each(*data, [&](const Node& member) {
    if (member.key == "Data" && member.kind == Kind::kArray) {
      tree.for_each(member, add_element);
    } else if (member.key == "Data" && member.kind == Kind::kObject) {
      add_element(member);
    } else if (is_text(&member) || member.kind == Kind::kNull) {
      const bool xml_attribute = member.key == "xmlns" || member.key.starts_with('@');
      if (!xml_attribute) record.add(member.key, member.text);
    }
  });
}

Result<JsonShape> with_data(const TextRecord& record) {
  const bool ours = is_event_id(record.event_id) && is_wanted_provider(record.provider);
  return ours && record.data.empty() ? JsonShape::kMessageOnly : JsonShape::kFields;
}

Result<JsonShape> read_xml_structure(const JsonTree& tree, const Node* event, TextRecord& record) {
  const Node* system = tree.find(event, "System");
  const auto id = element_number<std::uint32_t>(tree, tree.find(system, "EventID"));
  if (!id) return make_error(ErrorCode::kCorrupt, "an \"Event\" without a number in \"EventID\"");
  record.event_id = *id;
  record.provider = attribute(tree, tree.find(system, "Provider"), "Name");
  record.version = element_number<std::uint8_t>(tree, tree.find(system, "Version"));
  record.time = attribute(tree, tree.find(system, "TimeCreated"), "SystemTime");
  record.record_id = element_number<std::uint64_t>(tree, tree.find(system, "EventRecordID"));
  record.channel = element_text(tree, tree.find(system, "Channel"));
  record.host = element_text(tree, tree.find(system, "Computer"));
  read_data(tree, tree.find(event, "EventData"), record);
  return with_data(record);
}

Result<JsonShape> read_winlog(const JsonTree& tree, const Node* root, const Node* winlog,
                              TextRecord& record) {
  auto id = number<std::uint32_t>(tree.find(winlog, "event_id"));
  if (!id) id = number<std::uint32_t>(tree.find(tree.find(root, "event"), "code"));
  if (!id) return make_error(ErrorCode::kCorrupt, "\"winlog\" without a number in \"event_id\"");
  record.event_id = *id;
  record.provider = text(tree.find(winlog, "provider_name"));
  record.version = number<std::uint8_t>(tree.find(winlog, "version"));
  record.time = text(tree.find(winlog, "time_created"));
  if (record.time.empty()) record.time = text(tree.find(root, "@timestamp"));
  record.record_id = number<std::uint64_t>(tree.find(winlog, "record_id"));
  record.channel = text(tree.find(winlog, "channel"));
  record.host = text(tree.find(winlog, "computer_name"));
  read_data(tree, tree.find(winlog, "event_data"), record);
  return with_data(record);
}

Result<JsonShape> read_winlogbeat6(const JsonTree& tree, const Node* root, std::uint32_t id,
                                   TextRecord& record) {
  record.event_id = id;
  record.provider = text(tree.find(root, "source_name"));
  record.version = number<std::uint8_t>(tree.find(root, "version"));
  record.time = text(tree.find(root, "@timestamp"));
  record.record_id = number<std::uint64_t>(tree.find(root, "record_number"));
  record.channel = text(tree.find(root, "log_name"));
  record.host = text(tree.find(root, "computer_name"));
  read_data(tree, tree.find(root, "event_data"), record);
  return with_data(record);
}

std::string_view first_text(const JsonTree& tree, const Node* root,
                            std::initializer_list<const char*> names) {
  for (const char* name : names) {
    const std::string_view found = text(tree.find(root, name));
    if (!found.empty()) return found;
  }
  return {};
}

// The event's own time with a zone if there is one; "@timestamp" may be the collector's, and a time
// without a zone is local to nobody knows where.
std::string_view flat_time(const JsonTree& tree, const Node* root) {
  constexpr std::array<const char*, 4> kNames{"EventTime", "TimeGenerated", "TimeCreated",
                                              "@timestamp"};
  std::string_view without_zone;
  for (const char* name : kNames) {
    const std::string_view time = text(tree.find(root, name));
    if (time.empty()) continue;
    if (has_zone(time)) return time;
    if (without_zone.empty()) without_zone = time;
  }
  return without_zone;
}

// nxlog puts the id of the logging process, as a number, where the event's own ProcessID should be.
// All data values are strings there. The message still has the right one: its first value, followed
// by the application. Labels are localised, hence the check by the application.
std::optional<std::uint64_t> process_id_in_message(std::string_view message,
                                                   std::string_view application) {
  std::array<std::string_view, 2> values;
  std::size_t found = 0;
  while (!message.empty() && found < values.size()) {
    const std::size_t line_end = std::min(message.find('\n'), message.size());
    std::string_view line = message.substr(0, line_end);
    message.remove_prefix(std::min(line_end + 1, message.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    const std::size_t tab = line.rfind('\t');
    if (line.starts_with('\t') && tab > 0 && tab + 1 < line.size()) {
      values[found++] = line.substr(tab + 1);
    }
  }
  if (found < values.size() || !equal_ignoring_case(values[1], application)) return std::nullopt;
  std::uint64_t id = 0;
  const char* end = values[0].data() + values[0].size();
  const auto [stop, error] = std::from_chars(values[0].data(), end, id);
  if (error != std::errc() || stop != end) return std::nullopt;
  return id;
}

void read_flat_data(const JsonTree& tree, const Node* root, TextRecord& record) {
  const bool values_are_strings = is_string(tree.find_any_case(root, "FilterRTID"));
  bool lost_process = false;
  std::string_view application;
  tree.for_each(*root, [&](const Node& member) {
    if (!is_text(&member) || !is_data_name(member.key)) return;
    FieldRole role = role_of(member.key);
    if (role == FieldRole::kProcessId && member.kind == Kind::kNumber && values_are_strings) {
      role = FieldRole::kOther;
      lost_process = true;
    }
    if (role == FieldRole::kApplication) application = member.text;
    record.add(member.key, member.text, role);
  });
  const bool has_process = std::find(record.roles.begin(), record.roles.end(),
                                     FieldRole::kProcessId) != record.roles.end();
  if (lost_process && !has_process) {
    record.process_id = process_id_in_message(text(tree.find(root, "Message")), application);
  }
}

}  // namespace

Result<JsonShape> JsonRecordReader::read(const JsonTree& tree, TextRecord& record) {
  const Node* root = &tree.root();
  if (root->kind != Kind::kObject) {
    return make_error(ErrorCode::kCorrupt, "a JSON object was expected");
  }
  if (const Node* source = tree.find(root, "_source")) root = source;  // an Elasticsearch hit
  const auto xml = [&](std::string_view text) -> Result<JsonShape> {
    if (auto wrong = xml_.parse_event(text, record)) {
      return make_error(ErrorCode::kCorrupt, std::move(*wrong));
    }
    return with_data(record);
  };

  const Node* event = tree.find(root, "Event");
  if (event == nullptr) event = tree.find(tree.find(root, "Events"), "Event");
  if (event == nullptr) event = root;
  if (tree.find(event, "System") != nullptr) return read_xml_structure(tree, event, record);
  if (const Node* winlog = tree.find(root, "winlog"))
    return read_winlog(tree, root, winlog, record);
  const Node* raw_xml = tree.find(tree.find(root, "properties"), "RawXml");
  if (raw_xml == nullptr) raw_xml = tree.find(root, "RawXml");
  if (is_string(raw_xml)) return xml(raw_xml->text);
  if (const auto id = number<std::uint32_t>(tree.find(root, "event_id"))) {
    return read_winlogbeat6(tree, root, *id, record);
  }

  const Node* splunk = tree.find(root, "result");
  const Node* original = tree.find(splunk == nullptr ? root : splunk, "_raw");
  if (is_string(original)) {
    if (original->text.starts_with("<Event")) return xml(original->text);
    if (original->text.find("EventCode=") != std::string_view::npos) return JsonShape::kMessageOnly;
  }

  auto id = number<std::uint32_t>(tree.find_any_case(root, "EventID"));
  if (!id) {
    return make_error(
        ErrorCode::kCorrupt,
        "no Windows event: expected \"Event\", \"winlog\", \"event_id\", \"RawXml\" or "
        "\"EventID\"");
  }
  record.event_id = *id;
  record.provider = first_text(
      tree, root, {"EventSourceName", "SourceName", "ProviderName", "Provider", "Source"});
  record.version = number<std::uint8_t>(tree.find(root, "Version"));
  record.time = flat_time(tree, root);
  record.record_id = number<std::uint64_t>(tree.find(root, "RecordNumber"));
  if (!record.record_id) {
    record.record_id = number<std::uint64_t>(tree.find(root, "EventRecordID"));
  }
  record.channel = first_text(tree, root, {"Channel", "LogName"});
  record.host = first_text(tree, root, {"Hostname", "Computer", "ComputerName", "MachineName"});

  const Node* data = tree.find(root, "EventData");
  if (is_string(data) && !data->text.empty()) {
    if (auto wrong = xml_.parse_event_data(data->text, record)) {
      return make_error(ErrorCode::kCorrupt, "\"EventData\": " + *wrong);
    }
  } else if (data != nullptr && data->kind == Kind::kObject) {
    read_data(tree, data, record);
  }
  if (record.data.empty()) read_flat_data(tree, root, record);
  return with_data(record);
}

}  // namespace blockwatch::winlog
