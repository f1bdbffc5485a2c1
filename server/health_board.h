#pragma once
// What GET /health/ready tells: each check, and since when it has been as it is. Anybody may ask,
// so no path, file or source is named.

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "server/api_context.h"
#include "storage/timestamp.h"

namespace blockwatch {

// Any thread.
class HealthBoard {
 public:
  std::vector<HealthCheck> look(ReaderPool& readers, const WriterCounters& writer, bool trail_fails,
                                const std::vector<SourceStatus>& sources);

 private:
  struct State {
    bool ok = true;
    Timestamp since;
  };
  HealthCheck check(std::string name, bool ok, std::string detail);

  std::mutex mutex_;
  std::map<std::string, State> last_;  // guarded by mutex_
};

}  // namespace blockwatch
