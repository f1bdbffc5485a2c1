#include <sys/resource.h>

#include <algorithm>

#include "server/open_files.h"

namespace blockwatch {
namespace {

// More than the caps of the HTTP server and everything else together. The hard limit may be
// "infinite", which not every system takes as a number.
constexpr rlim_t kWanted = 16'384;

}  // namespace

void raise_open_file_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= kWanted) return;
  limit.rlim_cur = std::min(kWanted, limit.rlim_max);
  // Without it there is room for fewer clients, no more.
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace blockwatch
