#include "tests/bench/traffic.h"

#include <algorithm>
#include <cmath>

namespace blockwatch::bench {
namespace {

constexpr std::string_view kSource = "windows:Security";
constexpr std::uint64_t kMonthTicks =
    std::uint64_t{30} * 24 * 3600 * static_cast<std::uint64_t>(Timestamp::kTicksPerSecond);

}  // namespace

Traffic::Traffic(Timestamp start, std::uint64_t step_ticks)
    : step_(std::max<std::uint64_t>(step_ticks, 2)), time_(start) {
  for (std::size_t i = 0; i < kApplications; ++i) {
    applications_.push_back("\\device\\harddiskvolume3\\program files\\vendor" +
                            std::to_string(i % 40) + "\\product\\bin\\app" + std::to_string(i) +
                            ".exe");
  }
  for (std::size_t i = 0; i < kAddresses; ++i) {
    if (i % 10 == 9) {
      IpAddress a = *parse_ip_address("2001:db8::");
      for (std::size_t k = 8; k < 16; ++k) a.bytes[k] = static_cast<std::uint8_t>(random_());
      addresses_.push_back(a);
    } else {
      addresses_.push_back(IpAddress::v4(static_cast<std::uint32_t>(random_())));
    }
  }
}

Traffic Traffic::of_a_month(std::uint64_t rows) {
  return {Timestamp{17'000'000'000'000'000}, kMonthTicks / std::max<std::uint64_t>(rows, 1)};
}

EventBatch Traffic::batch(std::size_t n) {
  EventBatch batch;
  batch.source = kSource;
  batch.list.events.reserve(n);
  for (std::size_t i = 0; i < n; ++i) add(batch.list);
  return batch;
}

// The first is drawn most: the chance falls as one over the rank.
std::size_t Traffic::popular(std::size_t n) {
  const double u = std::uniform_real_distribution<double>(0, 1)(random_);
  return std::min(n - 1, static_cast<std::size_t>(std::pow(static_cast<double>(n), u)) - 1);
}

void Traffic::add(EventList& list) {
  constexpr std::uint16_t kPorts[] = {443, 443, 443, 53, 80, 445, 5353, 1900, 3389, 22};
  const bool inbound = random_() % 4 == 0;
  const bool packet = random_() % 3 == 0;
  const std::size_t app = popular(kApplications);
  Event e;
  time_.ticks += static_cast<std::int64_t>(step_ / 2 + random_() % step_);
  e.time = time_;
  e.source = kSource;
  e.host = "PC01.example.corp";
  e.channel = "Security";
  e.record_id = ++record_;
  e.event_id = packet ? 5152 : 5157;
  e.direction = inbound ? Direction::kInbound : Direction::kOutbound;
  e.protocol = random_() % 3 == 0 ? 17 : 6;
  e.local_address = IpAddress::v4(0xc0a80164U);
  e.remote_address = addresses_[popular(kAddresses)];
  const auto service = random_() % 10 == 0 ? static_cast<std::uint16_t>(1 + random_() % 65535)
                                           : kPorts[random_() % 10];
  const auto ephemeral = static_cast<std::uint16_t>(49152 + random_() % 16384);
  e.local_port = inbound ? service : ephemeral;
  e.remote_port = inbound ? ephemeral : service;
  e.process_id = 400 + app * 36;
  e.application = list.text.copy(applications_[app]);
  e.filter_id = 65000 + (random_() % 40) * 17;
  e.filter_origin = inbound ? "Unknown" : "Block outbound";
  e.layer_id = inbound ? 44 : 48;
  e.layer = inbound ? "receive-accept" : "connect";
  e.reason = inbound ? Reason::kDefaultInbound : Reason::kRule;
  add_raw(list, e);
  list.events.push_back(e);
}

// The fields of event 5157 as Windows 10 records them.
void Traffic::add_raw(EventList& list, Event& e) {
  const bool inbound = e.direction == Direction::kInbound;
  const auto text = [&list](const std::string& s) { return list.text.copy(s); };
  const auto number = [&text](std::uint64_t n) { return text(std::to_string(n)); };
  const std::string_view local = text(format_ip_address(*e.local_address));
  const std::string_view remote = text(format_ip_address(*e.remote_address));
  const auto raw = list.text.array<RawField>(13);
  raw[0] = {"ProcessID", number(*e.process_id)};
  raw[1] = {"Application", e.application};
  raw[2] = {"Direction", inbound ? "%%14592" : "%%14593"};
  raw[3] = {"SourceAddress", inbound ? remote : local};
  raw[4] = {"SourcePort", number(inbound ? *e.remote_port : *e.local_port)};
  raw[5] = {"DestAddress", inbound ? local : remote};
  raw[6] = {"DestPort", number(inbound ? *e.local_port : *e.remote_port)};
  raw[7] = {"Protocol", number(*e.protocol)};
  raw[8] = {"FilterRTID", number(*e.filter_id)};
  raw[9] = {"LayerName", inbound ? "%%14610" : "%%14611"};
  raw[10] = {"LayerRTID", number(*e.layer_id)};
  raw[11] = {"RemoteUserID", "S-1-0-0"};
  raw[12] = {"RemoteMachineID", "S-1-0-0"};
  e.raw = raw;
}

}  // namespace blockwatch::bench
