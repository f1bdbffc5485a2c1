#pragma once
// Read-only connections to the store, lent for one question at a time.

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "storage/event_store.h"

namespace blockwatch {

// Any thread. Opens a connection when none is free; the transport's cap on requests bounds them.
// Opening costs several times what a page does, so as many stay open as a few busy clients use.
class ReaderPool {
 public:
  explicit ReaderPool(std::string path, std::size_t max_idle = 8)
      : path_(std::move(path)), max_idle_(max_idle) {}

  // Gives the connection back when it goes. Must not outlive the pool.
  class Lease {
   public:
    Lease(ReaderPool* pool, std::unique_ptr<StoreReader> reader, std::uint64_t generation,
          bool large)
        : pool_(pool), reader_(std::move(reader)), generation_(generation), large_(large) {}
    Lease(Lease&&) noexcept = default;
    Lease& operator=(Lease&&) = delete;
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    ~Lease();
    StoreReader* operator->() const { return reader_.get(); }
    StoreReader& operator*() const { return *reader_; }

   private:
    ReaderPool* pool_;
    std::unique_ptr<StoreReader> reader_;
    std::uint64_t generation_;
    bool large_;
  };

  // With the default deadline set.
  Result<Lease> borrow() { return lend(false); }

  // For an answer that takes much memory until it is text: a few at a time, so this may wait for
  // its turn. kUnavailable also when that takes too long.
  Result<Lease> borrow_for_large() { return lend(true); }

  // Ends the questions under way and those that follow (kUnavailable): the program is stopping.
  void stop() {
    stopped_ = true;
    ending_ = true;
  }

  // The store is opened anew: ends the questions under way, waits for their connections, but not
  // for ever, and calls `between` while none can be opened. What was known of the old one is
  // forgotten.
  void renew(const std::function<void()>& between);

 private:
  Result<Lease> lend(bool large);
  void give_back(std::unique_ptr<StoreReader> reader, std::uint64_t generation, bool large);

  const std::string path_;
  const std::size_t max_idle_;
  std::atomic<bool> stopped_{false};
  std::atomic<bool> ending_{false};  // questions under way are to end
  std::mutex mutex_;
  std::condition_variable given_back_;
  std::condition_variable large_given_back_;
  std::shared_ptr<AnswerMemo> memo_ = make_answer_memo();  // guarded by mutex_
  std::uint64_t generation_ = 0;                           // guarded by mutex_; rises with renew()
  std::size_t lent_ = 0;                                   // guarded by mutex_; of this generation
  std::size_t large_ = 0;                                  // of these; guarded by mutex_
  std::vector<std::unique_ptr<StoreReader>> idle_;         // guarded by mutex_
};

}  // namespace blockwatch
