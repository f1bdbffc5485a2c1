#include <sys/resource.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include <algorithm>

#include "server/process_limits.h"

namespace blockwatch {
namespace {

// More than the caps of the HTTP server and everything else together. The hard limit may be
// "infinite", which not every system takes as a number.
constexpr rlim_t kWanted = 16'384;

#ifdef __GLIBC__
// A thread's free memory beyond this goes back; larger blocks than that one go back by themselves.
// The answer with most events is below both.
constexpr int kKeptBytes = 2 * 1024 * 1024;
constexpr int kOwnMappingBytes = 1024 * 1024;
#endif

}  // namespace

void raise_open_file_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= kWanted) return;
  limit.rlim_cur = std::min(kWanted, limit.rlim_max);
  // Without it there is room for fewer clients, no more.
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

void keep_freed_memory() {
#ifdef __GLIBC__
  ::mallopt(M_TRIM_THRESHOLD, kKeptBytes);
  ::mallopt(M_MMAP_THRESHOLD, kOwnMappingBytes);
#endif
}

}  // namespace blockwatch
