#pragma once
// Counts by number: the inner loop of every "most frequent" question.

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "storage/short_text.h"

namespace blockwatch {

// Open addressing with linear probing; grows at half full. Numbers cannot be removed.
class CountMap {
 public:
  void add(std::int64_t number, std::uint64_t n) {
    if (n == 0) return;
    if (used_ * 2 >= slots_.size()) grow();
    Slot& slot = find(number);
    if (slot.count == 0) {
      slot.number = number;
      ++used_;
    }
    slot.count += n;
  }

  std::size_t size() const { return used_; }

  // visit(number, count), in no order.
  template <class Visit>
  void for_each(const Visit& visit) const {
    for (const Slot& slot : slots_) {
      if (slot.count != 0) visit(slot.number, slot.count);
    }
  }

 private:
  struct Slot {
    std::int64_t number = 0;
    std::uint64_t count = 0;  // 0: free
  };

  Slot& find(std::int64_t number) {
    // Neighbours lie together: lists give the numbers in order. Who sends packets chooses their
    // addresses, so the factor is not to be known.
    std::uint64_t hash = (static_cast<std::uint64_t>(number) >> 3U) * kTextSeed.factor;
    hash = (hash ^ hash >> 32U) << 3U | (static_cast<std::uint64_t>(number) & 7U);
    std::size_t at = static_cast<std::size_t>(hash) & (slots_.size() - 1);
    while (slots_[at].count != 0 && slots_[at].number != number) {
      at = (at + 1) & (slots_.size() - 1);
    }
    return slots_[at];
  }

  void grow() {
    std::vector<Slot> old(slots_.empty() ? 64 : slots_.size() * 2);
    old.swap(slots_);
    for (const Slot& slot : old) {
      if (slot.count != 0) find(slot.number) = slot;
    }
  }

  std::vector<Slot> slots_;  // a power of two
  std::size_t used_ = 0;
};

}  // namespace blockwatch
