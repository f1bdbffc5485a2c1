#include "monitor/winlog/rendered_xml_record.h"

#include <charconv>
#include <pugixml.hpp>

namespace blockwatch::winlog {

namespace {

std::string_view local_name(const pugi::xml_node& node) {
  const std::string_view name = node.name();
  const std::size_t colon = name.find(':');
  return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

pugi::xml_node child(const pugi::xml_node& parent, std::string_view name) {
  for (const pugi::xml_node& node : parent.children()) {
    if (local_name(node) == name) return node;
  }
  return {};
}

template <class T>
std::optional<T> number(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return std::nullopt;
  text = text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
  T value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool is_text(const pugi::xml_node& node) {
  return node.type() == pugi::node_pcdata || node.type() == pugi::node_cdata;
}

}  // namespace

struct XmlRecordParser::Impl {
  pugi::xml_document document;
  std::string buffer;  // parsed in place
  TextArena joined;    // values that are made of several pieces

  std::optional<std::string> load(std::string_view xml) {
    buffer.assign(xml);
    joined = TextArena{};
    // A value may be nothing but a space; white space between elements is of no interest.
    constexpr unsigned kOptions = pugi::parse_default | pugi::parse_ws_pcdata_single;
    const auto result =
        document.load_buffer_inplace(buffer.data(), buffer.size(), kOptions, pugi::encoding_utf8);
    if (result) return std::nullopt;
    return std::string("not well-formed XML: ") + result.description();
  }

  // The text of an element: mostly one piece, several when a CDATA section or comment is between.
  std::string_view text_of(const pugi::xml_node& node) {
    const pugi::xml_node first = node.first_child();
    if (!first) return {};
    if (is_text(first) && !first.next_sibling()) return first.value();
    std::string all;
    for (const pugi::xml_node& piece : node.children()) {
      if (is_text(piece)) all += piece.value();
    }
    return joined.copy(all);
  }

  void read_system(const pugi::xml_node& system, TextRecord& record) {
    for (const pugi::xml_node& node : system.children()) {
      const std::string_view name = local_name(node);
      if (name == "Provider") {
        record.provider = node.attribute("Name").value();
      } else if (name == "EventID") {
        record.event_id = number<std::uint32_t>(text_of(node)).value_or(0);
      } else if (name == "Version") {
        record.version = number<std::uint8_t>(text_of(node));
      } else if (name == "TimeCreated") {
        record.time = node.attribute("SystemTime").value();
      } else if (name == "EventRecordID") {
        record.record_id = number<std::uint64_t>(text_of(node));
      } else if (name == "Channel") {
        record.channel = text_of(node);
      } else if (name == "Computer") {
        record.host = text_of(node);
      }
    }
  }

  void read_event_data(const pugi::xml_node& event_data, TextRecord& record) {
    for (const pugi::xml_node& node : event_data.children()) {
      if (local_name(node) == "Data") record.add(node.attribute("Name").value(), text_of(node));
    }
  }
};

XmlRecordParser::XmlRecordParser() : impl_(std::make_unique<Impl>()) {}
XmlRecordParser::~XmlRecordParser() = default;

std::optional<std::string> XmlRecordParser::parse_event(std::string_view xml, TextRecord& record) {
  if (auto wrong = impl_->load(xml)) return wrong;
  const pugi::xml_node event = child(impl_->document, "Event");
  const pugi::xml_node system = child(event, "System");
  if (!system) return "an <Event> without <System>";
  const pugi::xml_node id = child(system, "EventID");
  if (!number<std::uint32_t>(impl_->text_of(id))) return "an <Event> without a number in <EventID>";
  impl_->read_system(system, record);
  impl_->read_event_data(child(event, "EventData"), record);
  return std::nullopt;
}

std::optional<std::string> XmlRecordParser::parse_event_data(std::string_view xml,
                                                             TextRecord& record) {
  if (auto wrong = impl_->load(xml)) return wrong;
  const pugi::xml_node event_data = child(impl_->document, "EventData");
  if (!event_data) return "text where an <EventData> element was expected";
  impl_->read_event_data(event_data, record);
  return std::nullopt;
}

}  // namespace blockwatch::winlog
