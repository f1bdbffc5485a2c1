#pragma once
// The files that are built in, for clients that do not take gzip.

#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "server/embedded.h"
#include "server/gzip.h"

namespace blockwatch {

// Any thread. Unpacks a file when it is first asked for and keeps it: each of a crowd of clients
// would have a copy of its own else.
class PlainFiles {
 public:
  // Valid as long as this object.
  Result<std::string_view> text_of(const EmbeddedFile& file) {
    const std::lock_guard lock(mutex_);
    auto found = texts_.find(file.path);
    if (found == texts_.end()) {
      auto plain = gunzip(file.gzip, file.plain_size);
      if (!plain) return tl::unexpected(plain.error());
      found = texts_.emplace(file.path, std::move(*plain)).first;
    }
    return found->second;
  }

 private:
  std::mutex mutex_;
  std::map<std::string, std::string, std::less<>> texts_;  // by path; guarded by mutex_
};

}  // namespace blockwatch
