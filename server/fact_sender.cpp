#include "server/fact_sender.h"

#include <chrono>
#include <utility>

namespace blockwatch {
namespace {

constexpr auto kBeat = std::chrono::minutes(1);

}  // namespace

void FactSender::send(EventBatch&& batch) {
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(batch));
  }
  changed_.notify_one();
}

void FactSender::start() {
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

void FactSender::stop() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

void FactSender::run(const std::stop_token& stop) {
  auto next_beat = std::chrono::steady_clock::now() + kBeat;
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait_until(lock, stop, next_beat, [this] { return !waiting_.empty(); });
    auto batches = std::exchange(waiting_, {});
    if (batches.empty() && stop.stop_requested()) return;
    lock.unlock();
    if (std::chrono::steady_clock::now() >= next_beat) {
      next_beat += kBeat;
      for (const std::string& name : alive_()) batches.push_back({.source = name});
    }
    for (EventBatch& batch : batches) {
      if (!take_(std::move(batch))) return;
    }
    lock.lock();
  }
}

}  // namespace blockwatch
