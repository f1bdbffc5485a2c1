#pragma once
// Stands where the writer stands: keeps what a source hands over.

#include <algorithm>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "monitor/event_source.h"

namespace blockwatch {

class Collector {
 public:
  BatchFn emit() {
    return [this](EventBatch&& batch) {
      std::lock_guard lock(mutex_);
      for (const Event& e : batch.list.events) {
        record_ids_.push_back(e.record_id.value_or(0));
        sources_.push_back(std::string(e.source));
      }
      if (!batch.position.empty()) positions_[batch.source] = batch.position;
      damaged_ += batch.damaged;
      return true;
    };
  }

  PositionFn position_of() {
    return [this](const std::string& source) -> Result<std::string> {
      std::lock_guard lock(mutex_);
      const auto it = positions_.find(source);
      return it == positions_.end() ? std::string{} : it->second;
    };
  }

  std::vector<std::uint64_t> record_ids() const {
    std::lock_guard lock(mutex_);
    return record_ids_;
  }
  std::vector<std::string> sources() const {
    std::lock_guard lock(mutex_);
    return sources_;
  }
  std::map<std::string, std::string> positions() const {
    std::lock_guard lock(mutex_);
    return positions_;
  }
  std::uint64_t damaged() const {
    std::lock_guard lock(mutex_);
    return damaged_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::uint64_t> record_ids_;  // guarded by mutex_, as all of these
  std::vector<std::string> sources_;
  std::map<std::string, std::string> positions_;
  std::uint64_t damaged_ = 0;
};

inline std::vector<std::uint64_t> numbers(std::uint64_t first, std::uint64_t last) {
  std::vector<std::uint64_t> all;
  for (std::uint64_t n = first; n <= last; ++n) all.push_back(n);
  return all;
}

}  // namespace blockwatch
