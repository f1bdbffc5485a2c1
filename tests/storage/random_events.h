#pragma once
// Random events and filters over few enough values that they meet.

#include <cstdint>
#include <random>
#include <string>
#include <string_view>

#include "storage/event.h"
#include "storage/query.h"

namespace blockwatch {

class RandomEvents {
 public:
  explicit RandomEvents(std::uint64_t seed) : random_(seed) {}

  // Times lie within `span_ticks` after `start`.
  Timestamp start{15'500'000'000'000'000};
  std::int64_t span_ticks = 3 * 24 * 3600 * Timestamp::kTicksPerSecond;

  // Text lives in `list`, to which the event is added.
  Event& add(EventList& list, std::string_view source);
  Filter filter();

  std::uint64_t below(std::uint64_t n) { return random_() % n; }
  bool one_in(std::uint64_t n) { return below(n) == 0; }

 private:
  IpAddress address();
  IpRange address_range();
  std::uint16_t port();
  NumberRange around(std::uint64_t value, std::uint64_t spread);
  template <class T, class Make>
  void choose(Choice<T>& choice, Make make);
  std::string recased(std::string_view text);

  std::mt19937_64 random_;
  std::uint64_t next_record_ = 1;
};

// Every field and every raw value, for comparing.
std::string describe(const Event& event);

// A copy whose text lives in `list`.
void add_copy(EventList& list, const Event& event);

}  // namespace blockwatch
