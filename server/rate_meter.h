#pragma once
// How many per second, over the last minute.

#include <array>
#include <chrono>
#include <cstdint>
#include <mutex>

namespace blockwatch {

// Any thread.
class RateMeter {
 public:
  using Clock = std::chrono::steady_clock;

  void add(std::uint64_t count, Clock::time_point now = Clock::now()) {
    std::lock_guard lock(mutex_);
    slot(second_of(now)) += count;
  }

  // Mean of the last 60 whole seconds.
  double per_second(Clock::time_point now = Clock::now()) {
    std::lock_guard lock(mutex_);
    const std::int64_t current = second_of(now);
    slot(current);
    std::uint64_t sum = 0;
    for (std::int64_t s = current - kSeconds; s < current; ++s) sum += counts_[index(s)];
    return static_cast<double>(sum) / kSeconds;
  }

 private:
  static constexpr std::int64_t kSeconds = 60;
  static constexpr std::size_t kSlots = kSeconds + 1;  // the running second is not counted

  static std::int64_t second_of(Clock::time_point t) {
    return std::chrono::duration_cast<std::chrono::seconds>(t.time_since_epoch()).count();
  }
  static std::size_t index(std::int64_t second) {
    return static_cast<std::size_t>((second % std::int64_t{kSlots} + std::int64_t{kSlots}) %
                                    std::int64_t{kSlots});
  }

  // The slot of `second`; the ones that were skipped since the newest become empty.
  std::uint64_t& slot(std::int64_t second) {
    if (second - newest_ > std::int64_t{kSlots}) newest_ = second - std::int64_t{kSlots};
    while (newest_ < second) counts_[index(++newest_)] = 0;
    return counts_[index(second)];
  }

  std::mutex mutex_;
  std::array<std::uint64_t, kSlots> counts_{};  // guarded by mutex_
  std::int64_t newest_ = 0;                     // guarded by mutex_
};

}  // namespace blockwatch
