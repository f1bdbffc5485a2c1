#pragma once
// Blocked traffic of one host, the same in every run: a few applications and addresses make most
// of it, as on a real machine.

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "storage/event.h"

namespace blockwatch::bench {

class Traffic {
 public:
  static constexpr std::size_t kApplications = 300;
  static constexpr std::size_t kAddresses = 20'000;

  // Events from `start` on, `step_ticks` apart on average.
  Traffic(Timestamp start, std::uint64_t step_ticks);
  // `rows` events spread over 30 days.
  static Traffic of_a_month(std::uint64_t rows);

  EventBatch batch(std::size_t n);
  // One more event at the end of `list`.
  void add(EventList& list);

  Timestamp time() const { return time_; }  // of the last event

 private:
  std::size_t popular(std::size_t n);
  void add_raw(EventList& list, Event& e);

  std::uint64_t step_;
  std::mt19937_64 random_{7};
  std::vector<std::string> applications_;
  std::vector<IpAddress> addresses_;
  Timestamp time_;
  std::uint64_t record_ = 0;
};

}  // namespace blockwatch::bench
