#pragma once
// Remembers since when each health check has been as it is.

#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "server/api_context.h"
#include "storage/timestamp.h"

namespace blockwatch {

// Any thread.
class HealthBoard {
 public:
  HealthCheck check(std::string name, bool ok, std::string detail) {
    std::lock_guard lock(mutex_);
    auto [it, first] = last_.try_emplace(name, State{ok, now()});
    if (it->second.ok != ok) it->second = State{ok, now()};
    return {std::move(name), ok, std::move(detail), it->second.since};
  }

 private:
  struct State {
    bool ok = true;
    Timestamp since;
  };
  std::mutex mutex_;
  std::map<std::string, State> last_;  // guarded by mutex_
};

}  // namespace blockwatch
