#include "server/reader_pool.h"

#include <spdlog/spdlog.h>

#include <utility>

namespace blockwatch {

ReaderPool::Lease::~Lease() {
  if (reader_) pool_->give_back(std::move(reader_));
}

Result<ReaderPool::Lease> ReaderPool::borrow() {
  std::unique_ptr<StoreReader> reader;
  {
    std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      reader = std::move(idle_.back());
      idle_.pop_back();
    }
  }
  if (!reader) {
    auto opened = StoreReader::open(path_, memo_);
    if (!opened) {
      // The message names the file.
      spdlog::error("{}", opened.error().message);
      return make_error(ErrorCode::kUnavailable, "The store cannot be opened at the moment.");
    }
    reader = std::move(*opened);
    reader->set_stop_flag(&stopping_);
  }
  reader->set_deadline_ms(StoreReader::kDefaultDeadlineMs);
  return Lease(this, std::move(reader));
}

void ReaderPool::give_back(std::unique_ptr<StoreReader> reader) {
  std::lock_guard lock(mutex_);
  if (idle_.size() < max_idle_) idle_.push_back(std::move(reader));
}

}  // namespace blockwatch
