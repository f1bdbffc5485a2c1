#include "server/reader_pool.h"

#include <spdlog/spdlog.h>

#include <chrono>
#include <utility>

namespace blockwatch {

namespace {

// For connections that are lent. On Windows an open file cannot get another name; who waits for a
// slow client is tried again.
constexpr std::chrono::seconds kPatience{2};

// Several megabytes each; more than there are processors would not be done sooner.
constexpr std::size_t kLargeAtOnce = 8;
// As long as a question may take.
constexpr std::chrono::milliseconds kLargeTurn{StoreReader::kDefaultDeadlineMs};

}  // namespace

ReaderPool::Lease::~Lease() {
  if (reader_) pool_->give_back(std::move(reader_), generation_, large_);
}

Result<ReaderPool::Lease> ReaderPool::lend(bool large) {
  std::unique_ptr<StoreReader> reader;
  std::uint64_t generation = 0;
  {
    std::unique_lock lock(mutex_);
    const auto my_turn = [this] { return large_ < kLargeAtOnce || ending_; };
    if (large && !large_given_back_.wait_for(lock, kLargeTurn, my_turn)) {
      return make_error(ErrorCode::kUnavailable, "Too many large answers are being made.");
    }
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
    if (large) ++large_;
  }
  reader->set_deadline_ms(StoreReader::kDefaultDeadlineMs);
  return Lease(this, std::move(reader), generation, large);
}

void ReaderPool::give_back(std::unique_ptr<StoreReader> reader, std::uint64_t generation,
                           bool large) {
  std::lock_guard lock(mutex_);
  if (generation != generation_) return;
  --lent_;
  if (large) {
    --large_;
    large_given_back_.notify_one();
  }
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
  large_ = 0;
  memo_ = make_answer_memo();
  between();
  // In this order: a stop() at the same moment is not undone.
  ending_ = false;
  if (stopped_) ending_ = true;
  large_given_back_.notify_all();
}

}  // namespace blockwatch
