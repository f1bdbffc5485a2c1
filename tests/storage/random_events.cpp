#include "tests/storage/random_events.h"

#include <array>

#include "storage/words.h"

namespace blockwatch {
namespace {

constexpr std::array<std::string_view, 7> kApplications{
    "\\device\\harddiskvolume1\\windows\\system32\\svchost.exe",
    "C:\\Windows\\System32\\lsass.exe",
    "C:\\Program Files\\Vendor\\App.exe",
    "System",
    "/usr/bin/curl",
    "C:\\tools\\curl",
    ""};
constexpr std::array<std::string_view, 4> kHosts{"PC01.example.corp", "pc01.EXAMPLE.corp", "DC01",
                                                 ""};
constexpr std::array<std::string_view, 3> kUsers{"S-1-5-18", "S-1-5-21-1-2-3-500", ""};
constexpr std::array<std::string_view, 5> kFilterNames{
    "Block Inbound", "block inbound", "Port Scanning Prevention Filter", "R\xc3\xa8gle *", ""};
constexpr std::array<std::string_view, 4> kOrigins{"Stealth", "Unknown", "AppContainer Loopback",
                                                   ""};
constexpr std::array<std::string_view, 4> kLayers{"receive-accept", "connect", "%%14599", ""};
constexpr std::array<std::string_view, 4> kChannels{"Security", "SECURITY", "ForwardedEvents", ""};
constexpr std::array<std::uint16_t, 8> kPorts{22, 53, 80, 443, 445, 8000, 8080, 50448};
constexpr std::array<std::uint8_t, 4> kProtocols{1, 6, 17, 58};
constexpr std::array<std::uint64_t, 4> kProcesses{4, 820, 1280, 0xffff'ffff'ffff'fff0U};
constexpr std::array<std::uint64_t, 4> kFilters{0, 65865, 70001, 0x8000'0000'0000'0001U};

template <class T>
std::string text_of(const std::optional<T>& value) {
  return value ? std::to_string(static_cast<std::uint64_t>(*value)) : "-";
}

}  // namespace

IpAddress RandomEvents::address() {
  if (one_in(3)) {
    IpAddress a = *parse_ip_address(one_in(2) ? "fe80::1" : "2001:db8::10");
    a.bytes[15] = static_cast<std::uint8_t>(below(6));
    return a;
  }
  auto value = static_cast<std::uint32_t>(0x0a000200U + below(6) + (below(3) << 16));
  return IpAddress::v4(one_in(8) ? 0xffffffffU : value);
}

IpRange RandomEvents::address_range() {
  if (one_in(12)) return {*parse_ip_address("::"), *parse_ip_address("ffff::")};
  IpAddress a = address();
  if (one_in(2)) return {a, a};
  std::string text = format_ip_address(a);
  auto range = parse_ip_range(text + (a.is_v4() ? "/30" : "/126"));
  return range ? *range : IpRange{a, a};
}

std::uint16_t RandomEvents::port() {
  return one_in(4) ? static_cast<std::uint16_t>(below(65536)) : kPorts[below(kPorts.size())];
}

Event& RandomEvents::add(EventList& list, std::string_view source) {
  auto pick = [&](const auto& values) { return values[below(values.size())]; };
  Event e;
  e.time.ticks =
      start.ticks + static_cast<std::int64_t>(below(static_cast<std::uint64_t>(span_ticks)));
  if (one_in(10)) e.time.ticks -= e.time.ticks % Timestamp::kTicksPerSecond;
  e.source = list.text.copy(source);
  e.host = pick(kHosts);
  e.channel = pick(kChannels);
  if (!one_in(6)) e.record_id = one_in(50) ? 0xffff'ffff'0000'0000U + below(9) : next_record_++;
  e.event_id = kEventIds[below(kEventIds.size())];
  e.event_version = static_cast<std::uint8_t>(below(3));
  if (!one_in(4)) e.direction = static_cast<Direction>(below(3));
  if (!one_in(5)) e.protocol = pick(kProtocols);
  if (!one_in(6)) e.local_address = address();
  if (!one_in(6)) e.remote_address = address();
  if (!one_in(6)) e.local_port = port();
  if (!one_in(6)) e.remote_port = port();
  if (e.protocol && is_icmp(*e.protocol)) {
    e.icmp_type = static_cast<std::uint8_t>(below(9));
    e.icmp_code = static_cast<std::uint8_t>(below(2));
  }
  if (!one_in(6)) e.process_id = pick(kProcesses);
  e.application = pick(kApplications);
  e.user = pick(kUsers);
  if (!one_in(6)) e.filter_id = pick(kFilters);
  e.filter_name = pick(kFilterNames);
  e.filter_origin = pick(kOrigins);
  if (!one_in(5)) e.layer_id = 40 + below(10);
  e.layer = pick(kLayers);
  if (one_in(3)) e.interface_index = static_cast<std::uint32_t>(below(3));
  e.reason = static_cast<Reason>(below(words<Reason>().size()));

  auto raw = list.text.array<RawField>(below(6));
  for (RawField& field : raw) {
    field.name = std::array{"ProcessID", "SourcePort", "DestAddress", "", "Direction"}[below(5)];
    switch (below(6)) {
      case 0:
        field.value = list.text.copy(text_of(e.process_id));
        break;
      case 1:
        field.value = list.text.copy(text_of(e.remote_port));
        break;
      case 2:
        field.value = e.remote_address ? list.text.copy(format_ip_address(*e.remote_address))
                                       : std::string_view("::1");
        break;
      case 3:
        field.value = list.text.copy("%%1459" + std::to_string(below(40)));
        break;
      case 4:
        field.value = list.text.copy(std::string(below(30), '\0') + "long enough text");
        break;
      default:
        field.value = e.application;
    }
  }
  e.raw = raw;
  list.events.push_back(e);
  return list.events.back();
}

NumberRange RandomEvents::around(std::uint64_t value, std::uint64_t spread) {
  if (one_in(2)) return {value, value};
  std::uint64_t low = value - std::min(value, below(spread));
  std::uint64_t high = value + std::min(UINT64_MAX - value, below(spread));
  return {low, high};
}

template <class T, class Make>
void RandomEvents::choose(Choice<T>& choice, Make make) {
  if (!one_in(14)) return;
  auto& side = one_in(3) ? choice.none : choice.any;
  for (std::uint64_t n = 1 + below(3); n > 0; --n) side.push_back(make());
  if (one_in(5)) choice.none.push_back(make());
}

std::string RandomEvents::recased(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'a' && c <= 'z' && one_in(4)) c = static_cast<char>(c - 'a' + 'A');
  }
  return out;
}

Filter RandomEvents::filter() {
  auto pick = [&](const auto& values) { return values[below(values.size())]; };
  Filter f;
  choose(f.direction, [&] { return static_cast<Direction>(below(3)); });
  choose(f.action, [&] { return static_cast<Action>(below(3)); });
  choose(f.scope, [&] { return static_cast<Scope>(below(5)); });
  choose(f.reason, [&] { return static_cast<Reason>(below(words<Reason>().size())); });
  choose(f.protocol, [&] { return around(pick(kProtocols), 12); });
  choose(f.event_id, [&] { return around(kEventIds[below(kEventIds.size())], 3); });
  choose(f.port, [&] { return around(port(), 500); });
  choose(f.local_port, [&] { return around(port(), 500); });
  choose(f.remote_port, [&] { return around(port(), 500); });
  choose(f.address, [&] { return address_range(); });
  choose(f.local_address, [&] { return address_range(); });
  choose(f.remote_address, [&] { return address_range(); });
  choose(f.application, [&] {
    ApplicationPattern pattern{recased(pick(kApplications)), true};
    if (one_in(3)) pattern = {"*\\system32\\*", true};
    if (one_in(3)) pattern = {one_in(2) ? "Curl" : "svchost.EXE", false};
    return pattern;
  });
  choose(f.application_name, [&] { return recased(one_in(2) ? "lsass.exe" : "curl"); });
  choose(f.process_id, [&] { return around(pick(kProcesses), 1000); });
  choose(f.user, [&] { return std::string(pick(kUsers)); });
  choose(f.filter_id, [&] { return around(pick(kFilters), 100'000); });
  choose(f.filter_name, [&] { return recased(pick(kFilterNames)); });
  choose(f.filter_origin, [&] { return recased(pick(kOrigins)); });
  choose(f.layer, [&] { return std::string(pick(kLayers)); });
  choose(f.interface_index, [&] { return around(below(3), 2); });
  choose(f.host, [&] { return recased(pick(kHosts)); });
  choose(f.source, [&] { return std::string(one_in(2) ? "evtx:a" : "evtx:b"); });
  choose(f.record_id, [&] { return around(below(400), 300); });
  if (one_in(4)) {
    f.since = Timestamp{start.ticks +
                        static_cast<std::int64_t>(below(static_cast<std::uint64_t>(span_ticks)))};
  }
  if (one_in(4)) {
    f.until = Timestamp{start.ticks +
                        static_cast<std::int64_t>(below(static_cast<std::uint64_t>(span_ticks)))};
  }
  if (one_in(8)) {
    f.q = std::array{"10.0.2", "SVCHOST", "fe80", "inbound", "dc0", "zz"}[below(6)];
  }
  return f;
}

std::string describe(const Event& e) {
  auto address = [](const auto& a) { return a ? format_ip_address(*a) : std::string("-"); };
  std::string s;
  for (std::string_view part : {e.source, e.host, e.channel, e.application, e.user, e.filter_name,
                                e.filter_origin, e.layer}) {
    s.append(part).append("|");
  }
  for (const std::string& part :
       {std::to_string(e.time.ticks), text_of(e.record_id), std::to_string(e.event_id),
        std::to_string(e.event_version), text_of(e.direction), text_of(e.protocol),
        address(e.local_address), address(e.remote_address), text_of(e.local_port),
        text_of(e.remote_port), text_of(e.icmp_type), text_of(e.icmp_code), text_of(e.process_id),
        text_of(e.filter_id), text_of(e.layer_id), text_of(e.interface_index),
        std::string(to_word(e.reason))}) {
    s.append(part).append("|");
  }
  for (const RawField& field : e.raw) {
    s.append(field.name).append("=").append(field.value).append(";");
  }
  return s;
}

void add_copy(EventList& list, const Event& event) {
  Event e = event;
  for (auto* text : {&e.source, &e.host, &e.channel, &e.application, &e.user, &e.filter_name,
                     &e.filter_origin, &e.layer}) {
    *text = list.text.copy(*text);
  }
  auto raw = list.text.array<RawField>(event.raw.size());
  for (std::size_t i = 0; i < raw.size(); ++i) {
    raw[i] = {list.text.copy(event.raw[i].name), list.text.copy(event.raw[i].value)};
  }
  e.raw = raw;
  list.events.push_back(e);
}

}  // namespace blockwatch
