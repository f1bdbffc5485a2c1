#pragma once
// How late it is, for deleting by age: a clock that was set wrong must not delete what is new.

#include <chrono>
#include <optional>

#include "storage/timestamp.h"

namespace blockwatch {

// Follows the system's clock, but goes ahead only as fast as time passes. A clock that jumped ahead
// (or was ahead of the newest event at the start) is believed once it has stayed there for a day;
// one that was set back is believed at once, as that deletes less.
class RetentionClock {
 public:
  using Steady = std::chrono::steady_clock::time_point;

  // `newest`: when the newest event was received; none: nothing is stored.
  RetentionClock(std::optional<Timestamp> newest, Timestamp clock, Steady steady)
      : time_(newest.value_or(clock)), looked_(steady) {}

  Timestamp look(Timestamp clock, Steady steady) {
    using Ticks = std::chrono::duration<std::int64_t, std::ratio<1, Timestamp::kTicksPerSecond>>;
    time_.ticks += std::chrono::duration_cast<Ticks>(steady - looked_).count();
    looked_ = steady;
    if (clock.ticks <= time_.ticks + kJump) {
      ahead_since_.reset();
    } else {
      if (!ahead_since_) ahead_since_ = steady;
      if (steady - *ahead_since_ < kBelieve) return time_;
      ahead_since_.reset();
    }
    return time_ = clock;
  }

 private:
  static constexpr std::int64_t kJump = 3600 * Timestamp::kTicksPerSecond;
  static constexpr std::chrono::hours kBelieve{24};

  Timestamp time_;
  Steady looked_;
  std::optional<Steady> ahead_since_;
};

}  // namespace blockwatch
