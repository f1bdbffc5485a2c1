#pragma once
// Between the engine's callback, which must not wait, and the source: bounded; what does not fit is
// counted.

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <utility>
#include <vector>

#include "monitor/netevent.h"

namespace blockwatch {

class NetEventQueue {
 public:
  struct Taken {
    std::vector<NetEvent> events;
    std::uint64_t lost = 0;        // drops that found no room
    std::uint64_t first_lost = 0;  // their times (FILETIME); 0: none
    std::uint64_t last_lost = 0;
    std::uint64_t ignored = 0;  // that tell of no drop
  };

  explicit NetEventQueue(std::size_t most) : most_(most) {}

  // Any thread.
  void push(NetEvent&& event) {
    {
      std::lock_guard lock(mutex_);
      if (!is_drop(event.type)) {
        ++taken_.ignored;
        return;
      }
      if (taken_.events.size() < most_) {
        taken_.events.push_back(std::move(event));
      } else {
        if (taken_.lost++ == 0) taken_.first_lost = event.time;
        taken_.last_lost = event.time;
      }
    }
    filled_.notify_one();
  }

  // All there is; waits until there is something, at most so long.
  Taken take(std::chrono::milliseconds time) {
    std::unique_lock lock(mutex_);
    filled_.wait_for(lock, time, [this] { return !taken_.events.empty(); });
    return std::exchange(taken_, {});
  }

 private:
  const std::size_t most_;
  std::mutex mutex_;
  std::condition_variable filled_;
  Taken taken_;  // guarded by mutex_
};

}  // namespace blockwatch
