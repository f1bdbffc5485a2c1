#pragma once
// How late it is, for deleting by age: a clock that was set wrong must not delete what is new.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>

#include "storage/timestamp.h"

namespace blockwatch {

// What a restart must not forget.
struct RetentionTime {
  Timestamp time;  // what is believed
  // The earliest that the clock has said since it is ahead of that, and for how long it is, as the
  // program runs; none: it is not.
  std::optional<Timestamp> claim;
  std::int64_t claimed_ticks = 0;

  bool operator==(const RetentionTime&) const = default;
};

// Follows the system's clock, but goes ahead only as fast as time passes. A clock that jumped ahead
// (or was ahead at the start) is believed once it has stayed there for a day in which the program
// ran, and no more of it than it said all that day; one that was set back is believed at once, as
// that deletes less.
class RetentionClock {
 public:
  using Steady = std::chrono::steady_clock::time_point;

  // `kept`: what an earlier one believed at last; none: there was none.
  RetentionClock(const std::optional<RetentionTime>& kept, Timestamp clock, Steady steady)
      : now_(kept.value_or(RetentionTime{clock, {}, 0})), looked_(steady) {}

  Timestamp look(Timestamp clock, Steady steady) {
    using Ticks = std::chrono::duration<std::int64_t, std::ratio<1, Timestamp::kTicksPerSecond>>;
    const std::int64_t passed = std::chrono::duration_cast<Ticks>(steady - looked_).count();
    looked_ = steady;
    now_.time.ticks += passed;
    if (clock.ticks <= now_.time.ticks + kJump) {
      now_ = {clock, {}, 0};
    } else if (!now_.claim) {
      now_.claim = clock;
    } else {
      now_.claim = std::min(clock, Timestamp{now_.claim->ticks + passed});
      now_.claimed_ticks += passed;
      if (now_.claimed_ticks >= kBelieve) now_ = {*now_.claim, {}, 0};
    }
    return now_.time;
  }

  const RetentionTime& now() const { return now_; }

 private:
  static constexpr std::int64_t kJump = std::int64_t{3600} * Timestamp::kTicksPerSecond;
  static constexpr std::int64_t kBelieve = 24 * kJump;

  RetentionTime now_;
  Steady looked_;
};

}  // namespace blockwatch
