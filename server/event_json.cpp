#include "server/event_json.h"

#include <array>
#include <charconv>
#include <cstddef>
#include <limits>

#include "server/utf8.h"
#include "storage/words.h"

namespace blockwatch {
namespace {

constexpr std::array<std::string_view, 32> kNames{"id",
                                                  "seq",
                                                  "time",
                                                  "received_time",
                                                  "source",
                                                  "host",
                                                  "record_id",
                                                  "event_id",
                                                  "event_version",
                                                  "action",
                                                  "scope",
                                                  "direction",
                                                  "protocol",
                                                  "protocol_name",
                                                  "local_address",
                                                  "local_port",
                                                  "remote_address",
                                                  "remote_port",
                                                  "icmp_type",
                                                  "icmp_code",
                                                  "process_id",
                                                  "application",
                                                  "application_name",
                                                  "user",
                                                  "filter_id",
                                                  "filter_name",
                                                  "filter_origin",
                                                  "layer_id",
                                                  "layer",
                                                  "interface_index",
                                                  "reason",
                                                  "raw"};
static_assert(kNames.size() == static_cast<std::size_t>(EventField::kRaw) + 1);

template <class Int>
void append_number(std::string& out, Int value) {
  std::array<char, std::numeric_limits<Int>::digits10 + 3> buffer;
  auto [end, error] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  out.append(buffer.data(), end);
}

// The one switch over fields: JSON and CSV differ only in how they write a value.
template <class Sink>
void visit_field(const Event& event, EventField field, Sink&& sink) {
  switch (field) {
    case EventField::kId:
      return sink.number_text(event.seq);
    case EventField::kSeq:
      return sink.number(event.seq);
    case EventField::kTime:
      return sink.time(event.time);
    case EventField::kReceivedTime:
      return sink.time(event.received_time);
    case EventField::kSource:
      return sink.text(event.source);
    case EventField::kHost:
      return sink.text(event.host);
    case EventField::kRecordId:
      return sink.number(event.record_id);
    case EventField::kEventId:
      return sink.number(event.event_id);
    case EventField::kEventVersion:
      return sink.number(event.event_version);
    case EventField::kAction:
      return sink.word(to_word(action_of(event.event_id)));
    case EventField::kScope:
      return sink.word(to_word(scope_of(event.event_id)));
    case EventField::kDirection:
      return sink.word(event.direction ? to_word(*event.direction) : std::string_view{});
    case EventField::kProtocol:
      return sink.number(event.protocol);
    case EventField::kProtocolName:
      return sink.word(event.protocol ? protocol_name(*event.protocol) : std::string_view{});
    case EventField::kLocalAddress:
      return sink.address(event.local_address);
    case EventField::kLocalPort:
      return sink.number(event.local_port);
    case EventField::kRemoteAddress:
      return sink.address(event.remote_address);
    case EventField::kRemotePort:
      return sink.number(event.remote_port);
    case EventField::kIcmpType:
      return sink.number(event.icmp_type);
    case EventField::kIcmpCode:
      return sink.number(event.icmp_code);
    case EventField::kProcessId:
      return sink.number(event.process_id);
    case EventField::kApplication:
      return sink.text(event.application);
    case EventField::kApplicationName:
      return sink.text(application_name(event.application));
    case EventField::kUser:
      return sink.text(event.user);
    case EventField::kFilterId:
      return sink.number(event.filter_id);
    case EventField::kFilterName:
      return sink.text(event.filter_name);
    case EventField::kFilterOrigin:
      return sink.text(event.filter_origin);
    case EventField::kLayerId:
      return sink.number(event.layer_id);
    case EventField::kLayer:
      return sink.text(event.layer);
    case EventField::kInterfaceIndex:
      return sink.number(event.interface_index);
    case EventField::kReason:
      return sink.word(to_word(event.reason));
    case EventField::kRaw:
      return sink.raw(event.raw);
  }
}

void append_time(std::string& out, Timestamp t) {
  std::array<char, 28> buffer;
  out.append(buffer.data(), format_rfc3339(t, buffer.data()));
}

void append_address(std::string& out, const IpAddress& address) {
  std::array<char, 40> buffer;
  out.append(buffer.data(), format_ip_address(address, buffer.data()));
}

void append_raw(std::string& out, std::span<const RawField> raw) {
  out += '{';
  for (std::size_t i = 0; i < raw.size(); ++i) {
    if (i != 0) out += ',';
    std::size_t earlier = 0;
    for (std::size_t k = 0; k < i; ++k) earlier += raw[k].name == raw[i].name ? 1U : 0U;
    if (earlier == 0) {
      append_json_string(out, raw[i].name);
    } else {
      std::string name(raw[i].name);
      name += '#';
      append_number(name, earlier + 1);
      append_json_string(out, name);
    }
    out += ':';
    append_json_string(out, raw[i].value);
  }
  out += '}';
}

struct JsonSink {
  std::string& out;

  void null() { out += "null"; }
  void number_text(std::uint64_t value) {
    out += '"';
    append_number(out, value);
    out += '"';
  }
  template <class Int>
  void number(Int value) {
    append_number(out, value);
  }
  template <class Int>
  void number(const std::optional<Int>& value) {
    if (value) {
      append_number(out, *value);
    } else {
      null();
    }
  }
  void time(Timestamp t) {
    out += '"';
    append_time(out, t);
    out += '"';
  }
  void address(const std::optional<IpAddress>& value) {
    if (!value) return null();
    out += '"';
    append_address(out, *value);
    out += '"';
  }
  // Our own words need no escapes.
  void word(std::string_view value) {
    if (value.empty()) return null();
    out += '"';
    out += value;
    out += '"';
  }
  void text(std::string_view value) {
    if (value.empty()) return null();
    append_json_string(out, value);
  }
  void raw(std::span<const RawField> fields) { append_raw(out, fields); }
};

struct CsvSink {
  std::string& out;

  void number_text(std::uint64_t value) { append_number(out, value); }
  template <class Int>
  void number(Int value) {
    append_number(out, value);
  }
  template <class Int>
  void number(const std::optional<Int>& value) {
    if (value) append_number(out, *value);
  }
  void time(Timestamp t) { append_time(out, t); }
  void address(const std::optional<IpAddress>& value) {
    if (value) append_address(out, *value);
  }
  void word(std::string_view value) { out += value; }
  void text(std::string_view value) {
    if (value.find_first_of("\",\r\n") == std::string_view::npos) {
      append_valid_utf8(out, value);
      return;
    }
    out += '"';
    for (;;) {
      std::size_t quote = value.find('"');
      append_valid_utf8(out, value.substr(0, quote));
      if (quote == std::string_view::npos) break;
      out += "\"\"";
      value.remove_prefix(quote + 1);
    }
    out += '"';
  }
  void raw(std::span<const RawField> fields) {
    std::string json;
    append_raw(json, fields);
    text(json);
  }
};

constexpr bool is_plain(unsigned char c) { return c >= 0x20 && c != '"' && c != '\\' && c < 0x80; }
constexpr auto kPlain = [] {
  std::array<bool, 256> table{};
  for (unsigned c = 0; c < 256; ++c) table[c] = is_plain(static_cast<unsigned char>(c));
  return table;
}();

void append_escape(std::string& out, unsigned char c) {
  constexpr std::string_view kHex = "0123456789abcdef";
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\b':
      out += "\\b";
      return;
    case '\f':
      out += "\\f";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      out += "\\u00";
      out += kHex[c >> 4U];
      out += kHex[c & 15U];
  }
}

}  // namespace

const EventFields& default_event_fields() {
  static const EventFields kFields = [] {
    EventFields fields;
    for (std::size_t i = 0; i + 1 < kNames.size(); ++i) fields.push_back(EventField(i));
    return fields;
  }();
  return kFields;
}

std::string_view to_word(EventField field) noexcept {
  return kNames[static_cast<std::size_t>(field)];
}

std::optional<EventField> event_field(std::string_view name) noexcept {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return EventField(i);
  }
  return std::nullopt;
}

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  std::size_t i = 0;
  while (i < text.size()) {
    std::size_t start = i;
    while (i < text.size() && kPlain[static_cast<unsigned char>(text[i])]) ++i;
    out.append(text, start, i - start);
    if (i == text.size()) break;
    auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x80) {
      append_escape(out, c);
      ++i;
    } else if (std::size_t length = utf8_sequence(text.substr(i)); length != 0) {
      out.append(text, i, length);
      i += length;
    } else {
      out += kReplacement;
      ++i;
    }
  }
  out += '"';
}

void append_json_members(std::string& out, const Event& event, std::span<const EventField> fields) {
  JsonSink sink{out};
  bool first = true;
  for (EventField field : fields) {
    if (!first) out += ',';
    first = false;
    out += '"';
    out += to_word(field);
    out += "\":";
    visit_field(event, field, sink);
  }
}

void append_json(std::string& out, const Event& event, std::span<const EventField> fields) {
  out += '{';
  append_json_members(out, event, fields);
  out += '}';
}

void append_csv_header(std::string& out, std::span<const EventField> fields) {
  bool first = true;
  for (EventField field : fields) {
    if (!first) out += ',';
    first = false;
    out += to_word(field);
  }
  out += "\r\n";
}

void append_csv_row(std::string& out, const Event& event, std::span<const EventField> fields) {
  CsvSink sink{out};
  bool first = true;
  for (EventField field : fields) {
    if (!first) out += ',';
    first = false;
    visit_field(event, field, sink);
  }
  out += "\r\n";
}

}  // namespace blockwatch
