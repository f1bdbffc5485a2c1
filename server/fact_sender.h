#pragma once
// Hands facts of coverage to the writer from threads that must not wait for it, and tells every
// minute which sources are alive that cannot read again what they miss.

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "storage/event.h"

namespace blockwatch {

// Any thread.
class FactSender {
 public:
  using Take = std::function<bool(EventBatch&&)>;  // may wait; false: the program is stopping
  using Names = std::function<std::vector<std::string>()>;

  // A batch without events is how a source shows that it lives: the store keeps its time.
  FactSender(Take take, Names alive) : take_(std::move(take)), alive_(std::move(alive)) {}

  void send(EventBatch&& batch);
  void start();
  void stop();  // idempotent

 private:
  void run(const std::stop_token& stop);

  const Take take_;
  const Names alive_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<EventBatch> waiting_;  // guarded by mutex_
  std::jthread thread_;
};

}  // namespace blockwatch
