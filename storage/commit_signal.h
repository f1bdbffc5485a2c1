#pragma once
// Tells waiting streams and long polls that something newer has been committed.

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace blockwatch {

// Any thread.
class CommitSignal {
 public:
  void publish(std::uint64_t newest_seq) {
    {
      std::lock_guard lock(mutex_);
      if (newest_seq <= newest_seq_) return;
      newest_seq_ = newest_seq;
    }
    changed_.notify_all();
  }

  // Ends every wait, now and later: the program is stopping.
  void close() {
    {
      std::lock_guard lock(mutex_);
      closed_ = true;
    }
    changed_.notify_all();
  }

  bool closed() const {
    std::lock_guard lock(mutex_);
    return closed_;
  }

  std::uint64_t newest_seq() const {
    std::lock_guard lock(mutex_);
    return newest_seq_;
  }

  // Waits until the newest seq is above `seq`, close() was called, or the time is over. Returns
  // the newest seq.
  std::uint64_t wait_newer(std::uint64_t seq, std::chrono::milliseconds timeout) const {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, timeout, [&] { return closed_ || newest_seq_ > seq; });
    return newest_seq_;
  }

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::uint64_t newest_seq_ = 0;  // guarded by mutex_
  bool closed_ = false;           // guarded by mutex_
};

}  // namespace blockwatch
