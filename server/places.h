#pragma once
// How many there are of something that has a cap.

#include <atomic>
#include <cstddef>
#include <memory>

namespace blockwatch {

// One or more of them; counted until it goes.
using Place = std::shared_ptr<void>;

// Any thread. May go while places are taken.
class Places {
 public:
  // Null: with these there would be more than the cap.
  Place take(unsigned cap, std::size_t size = 1) {
    unsigned taken = *taken_;
    while (taken <= cap && size <= cap - taken) {
      const auto places = static_cast<unsigned>(size);
      if (!taken_->compare_exchange_weak(taken, taken + places)) continue;
      return {taken_.get(),
              [all = taken_, places](std::atomic<unsigned>* counted) { *counted -= places; }};
    }
    return nullptr;
  }

  unsigned taken() const { return *taken_; }

 private:
  std::shared_ptr<std::atomic<unsigned>> taken_ = std::make_shared<std::atomic<unsigned>>(0);
};

}  // namespace blockwatch
