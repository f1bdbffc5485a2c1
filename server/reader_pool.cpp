#include "server/reader_pool.h"

#include <spdlog/spdlog.h>

#include <chrono>
#include <utility>

namespace blockwatch {

namespace {

// For connections that are lent. On Windows an open file cannot get another name; who waits for a
// slow client is tried again.
constexpr std::chrono::seconds kPatience{2};

}  // namespace

ReaderPool::Lease::~Lease() {
  if (reader_) pool_->give_back(std::move(reader_), generation_);
}

Result<ReaderPool::Lease> ReaderPool::borrow() {
  std::unique_ptr<StoreReader> reader;
  std::uint64_t generation = 0;
  {
    std::unique_lock lock(mutex_);
    if (!idle_.empty()) {
      reader = std::move(idle_.back());
      idle_.pop_back();
    } else {
      // With the lock: none may be opened in the middle of renew().
      auto opened = StoreReader::open(path_, memo_);
      if (!opened) {
        lock.unlock();
        // The message names the file.
        spdlog::error("{}", opened.error().message);
        return make_error(ErrorCode::kUnavailable, "The store cannot be opened at the moment.");
      }
      reader = std::move(*opened);
      reader->set_stop_flag(&ending_);
    }
    generation = generation_;
    ++lent_;
  }
  reader->set_deadline_ms(StoreReader::kDefaultDeadlineMs);
  return Lease(this, std::move(reader), generation);
}

void ReaderPool::give_back(std::unique_ptr<StoreReader> reader, std::uint64_t generation) {
  std::lock_guard lock(mutex_);
  if (generation != generation_) return;
  --lent_;
  if (idle_.size() < max_idle_ && !ending_) idle_.push_back(std::move(reader));
  given_back_.notify_all();
}

void ReaderPool::renew(const std::function<void()>& between) {
  ending_ = true;
  std::unique_lock lock(mutex_);
  given_back_.wait_for(lock, kPatience, [&] { return lent_ == 0; });
  idle_.clear();
  ++generation_;
  lent_ = 0;
  memo_ = make_answer_memo();
  between();
  ending_ = stopped_.load();
}

}  // namespace blockwatch
