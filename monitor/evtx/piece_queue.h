#pragma once
// Hands pieces from the threads that read them to the one that takes them in file order.

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <vector>

#include "monitor/evtx/piece_reader.h"

namespace blockwatch::evtx {

// Bounded: at most `window` pieces are being read or wait to be taken.
class PieceQueue {
 public:
  PieceQueue(std::uint64_t pieces, std::size_t window) : pieces_(pieces), slots_(window) {}

  // For the readers: the next piece to read, as soon as there is room for it. nullopt: no more.
  std::optional<std::uint64_t> claim() {
    std::unique_lock lock(mutex_);
    room_.wait(lock, [this] { return cancelled_ || claimed_ < taken_ + slots_.size(); });
    if (cancelled_ || claimed_ == pieces_) return std::nullopt;
    return claimed_++;
  }

  void put(std::uint64_t number, Piece&& piece) {
    const std::lock_guard lock(mutex_);
    slots_[number % slots_.size()] = std::move(piece);
    if (number == taken_) ready_.notify_one();
  }

  // For the taker: the next piece in file order; waits for it. Requires that there is one.
  Piece take() {
    std::unique_lock lock(mutex_);
    std::optional<Piece>& slot = slots_[taken_ % slots_.size()];
    ready_.wait(lock, [&slot] { return slot.has_value(); });
    Piece piece = std::move(*slot);
    slot.reset();
    ++taken_;
    room_.notify_one();
    // The last pieces may be claimed while several readers still wait for room.
    if (claimed_ == pieces_) room_.notify_all();
    return piece;
  }

  // Readers get no more pieces.
  void cancel() {
    const std::lock_guard lock(mutex_);
    cancelled_ = true;
    room_.notify_all();
  }

 private:
  const std::uint64_t pieces_;
  std::mutex mutex_;
  std::condition_variable room_;
  std::condition_variable ready_;
  // Guarded by mutex_.
  std::vector<std::optional<Piece>> slots_;
  std::uint64_t claimed_ = 0;
  std::uint64_t taken_ = 0;
  bool cancelled_ = false;
};

}  // namespace blockwatch::evtx
