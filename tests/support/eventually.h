#pragma once
// Waiting for what another thread brings about.

#include <chrono>
#include <thread>

namespace blockwatch {

// Asks until it is so; false after `limit`. Asking often costs little and keeps tests quick.
template <class Condition>
bool eventually(Condition condition, std::chrono::milliseconds limit = std::chrono::seconds(20)) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

}  // namespace blockwatch
