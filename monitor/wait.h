#pragma once
// Waiting that ends as soon as stop is requested.

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stop_token>

namespace blockwatch {

// False: stop was requested before the time was over.
inline bool wait_for(std::stop_token stop, std::chrono::milliseconds time) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait_for(lock, stop, time, [] { return false; });
  return !stop.stop_requested();
}

}  // namespace blockwatch
