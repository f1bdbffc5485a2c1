#include "server/event_json.h"

#include <array>
#include <charconv>
#include <cstddef>
#include <limits>

#include "server/json_pen.h"
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

// What stands before a member's value: ,"name":
struct MemberStart {
  std::array<char, 24> text{};
  std::size_t size = 0;
};
constexpr auto kMemberStarts = [] {
  std::array<MemberStart, kNames.size()> starts{};
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    auto& [text, size] = starts[i];
    text[size++] = ',';
    text[size++] = '"';
    for (const char c : kNames[i]) text[size++] = c;
    text[size++] = '"';
    text[size++] = ':';
  }
  return starts;
}();

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

void put_raw(JsonPen& pen, std::span<const RawField> raw) {
  pen.put('{');
  for (std::size_t i = 0; i < raw.size(); ++i) {
    if (i != 0) pen.put(',');
    std::size_t earlier = 0;
    for (std::size_t k = 0; k < i; ++k) earlier += raw[k].name == raw[i].name ? 1U : 0U;
    if (earlier == 0) {
      pen.put_string(raw[i].name);
    } else {
      std::string name(raw[i].name);
      name += '#';
      append_number(name, earlier + 1);
      pen.put_string(name);
    }
    pen.put(':');
    pen.put_string(raw[i].value);
  }
  pen.put('}');
}

struct JsonSink {
  JsonPen& pen;

  void null() { pen.put_null(); }
  void number_text(std::uint64_t value) {
    pen.put('"');
    pen.put_number(value);
    pen.put('"');
  }
  template <class Int>
  void number(Int value) {
    pen.put_number(value);
  }
  template <class Int>
  void number(const std::optional<Int>& value) {
    if (value) {
      pen.put_number(*value);
    } else {
      null();
    }
  }
  void time(Timestamp t) {
    pen.put_formatted([t](char* at) {
      *at++ = '"';
      at = format_rfc3339(t, at);
      *at++ = '"';
      return at;
    });
  }
  void address(const std::optional<IpAddress>& value) {
    if (!value) return null();
    pen.put_formatted([&value](char* at) {
      *at++ = '"';
      at = format_ip_address(*value, at);
      *at++ = '"';
      return at;
    });
  }
  // Our own words need no escapes.
  void word(std::string_view value) {
    if (value.empty()) return null();
    pen.put_quoted(value);
  }
  void text(std::string_view value) {
    if (value.empty()) return null();
    pen.put_string(value);
  }
  void raw(std::span<const RawField> fields) { put_raw(pen, fields); }
};

void put_members(JsonPen& pen, const Event& event, std::span<const EventField> fields) {
  JsonSink sink{pen};
  bool first = true;
  for (const EventField field : fields) {
    const MemberStart& start = kMemberStarts[static_cast<std::size_t>(field)];
    if (first) {
      pen.put(std::string_view(start.text.data(), start.size).substr(1));
    } else {
      pen.put_padded(start.text, start.size);
    }
    first = false;
    visit_field(event, field, sink);
  }
}

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
    {
      JsonPen pen(json);
      put_raw(pen, fields);
    }
    text(json);
  }
};

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

void append_json_string(std::string& out, std::string_view text) { JsonPen(out).put_string(text); }

void append_json_members(std::string& out, const Event& event, std::span<const EventField> fields) {
  JsonPen pen(out);
  put_members(pen, event, fields);
}

void append_json(std::string& out, const Event& event, std::span<const EventField> fields) {
  JsonPen pen(out);
  pen.put('{');
  put_members(pen, event, fields);
  pen.put('}');
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
