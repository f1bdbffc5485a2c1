// Microseconds for a page of 100 events as JSON, beside the same bytes by nlohmann's library.
//
//   bench_json [--short]

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "server/event_json.h"
#include "tests/support/reference_json.h"

namespace blockwatch {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kEvents = 100;

// Blocked connections as one machine records them.
EventList typical_events() {
  EventList list;
  for (std::size_t n = 0; n < kEvents; ++n) {
    Event e;
    e.seq = 8'000'000 + n;
    e.time = Timestamp{17'000'000'000'000'000 + static_cast<std::int64_t>(n) * 31'234'567};
    e.received_time = Timestamp{e.time.ticks + 12'345'678};
    e.source = "windows:Security";
    e.host = "PC01.example.corp";
    e.record_id = 123'456'789 + n;
    e.event_id = n % 3 == 0 ? 5152 : 5157;
    e.event_version = 1;
    e.direction = n % 4 == 0 ? Direction::kInbound : Direction::kOutbound;
    e.protocol = static_cast<std::uint8_t>(n % 3 == 0 ? 17 : 6);
    e.local_address = IpAddress::v4(0xc0a80164U);
    e.remote_address = n % 10 == 9
                           ? *parse_ip_address("2001:db8::" + std::to_string(n))
                           : IpAddress::v4(0xC6336400U + static_cast<std::uint32_t>(n * 77));
    e.local_port = static_cast<std::uint16_t>(49152 + n * 13);
    e.remote_port = n % 2 == 0 ? 443 : 53;
    e.process_id = 400 + n * 36;
    e.application = list.text.copy("\\device\\harddiskvolume3\\program files\\vendor" +
                                   std::to_string(n % 7) + "\\product\\bin\\App.exe");
    e.filter_id = 65000 + n % 40;
    e.filter_origin = "Block outbound";
    e.layer_id = 48;
    e.layer = "connect";
    e.reason = n % 4 == 0 ? Reason::kDefaultInbound : Reason::kRule;
    list.events.push_back(e);
  }
  return list;
}

template <class Make>
double median_us(int runs, Make make) {
  std::vector<double> us;
  for (int i = 0; i < runs; ++i) {
    const auto start = Clock::now();
    make();
    us.push_back(std::chrono::duration<double, std::micro>(Clock::now() - start).count());
  }
  std::nth_element(us.begin(), us.begin() + runs / 2, us.end());
  return us[static_cast<std::size_t>(runs) / 2];
}

bool run(int runs) {
  const EventList list = typical_events();
  std::string ours;
  std::string library;
  struct Round {
    double our_us = 0;
    double library_us = 0;
    double ratio() const { return library_us / our_us; }
  };
  // In turn, so that a slow moment of the machine meets both.
  std::array<Round, 9> rounds;
  for (Round& round : rounds) {
    round.our_us = median_us(runs / 10, [&] {
      ours.clear();
      for (const Event& event : list.events) append_json(ours, event, default_event_fields());
    });
    round.library_us = median_us(std::max(5, runs / 100), [&] {
      library.clear();
      for (const Event& event : list.events) library += reference_json(event, false).dump();
    });
  }
  std::ranges::sort(rounds, {}, &Round::ratio);
  const Round& middle = rounds[rounds.size() / 2];
  std::printf("100 events, %zu bytes: %.1f us; by nlohmann %.1f us, %.1f times as long\n",
              ours.size(), middle.our_us, middle.library_us, middle.ratio());
  if (ours == library) return true;
  std::printf("bench_json: the bytes differ\n");
  return false;
}

}  // namespace
}  // namespace blockwatch

int main(int argc, char** argv) {
  const bool is_short = argc > 1 && std::strcmp(argv[1], "--short") == 0;
  return blockwatch::run(is_short ? 200 : 5000) ? 0 : 1;
}
