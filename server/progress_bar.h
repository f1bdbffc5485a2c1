#pragma once
// One line on stderr that shows how far long work has come.

#include <chrono>
#include <cstdint>
#include <string>

namespace blockwatch {

// Draws only when stderr is a terminal and the work takes longer than half a second. One thread.
class ProgressBar {
 public:
  explicit ProgressBar(std::string title);
  ~ProgressBar();  // removes the line
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  // `total` 0: not known. `more` is what else there is to say.
  void show(std::uint64_t bytes, std::uint64_t total, const std::string& more = {});

 private:
  using Clock = std::chrono::steady_clock;
  const std::string title_;
  const bool visible_;
  const Clock::time_point start_ = Clock::now();
  Clock::time_point last_draw_ = start_;
  bool drawn_ = false;
};

}  // namespace blockwatch
