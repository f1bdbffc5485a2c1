#pragma once
// Keeps programs like this one apart that would work on the same file for a moment.

#include <chrono>
#include <string>

#include "storage/result.h"

namespace blockwatch {

// A file beside `path` for as long as it is held, which nobody but its owner may open: whoever may
// open a file could lock it, for ever. The operating system lets go of it when the process dies in
// any way, and what a dead one left is taken over.
class PlaceLock {
 public:
  // `path` (UTF-8) need not exist. kConflict: another has held it all the time; kPermission: it, or
  // its folder, is somebody else's; kIo.
  static Result<PlaceLock> take(const std::string& path, std::chrono::milliseconds patience);

  PlaceLock(PlaceLock&& other) noexcept;
  PlaceLock& operator=(PlaceLock&&) = delete;
  PlaceLock(const PlaceLock&) = delete;
  PlaceLock& operator=(const PlaceLock&) = delete;
  ~PlaceLock();

 private:
  // A descriptor, or a Windows handle.
#ifdef _WIN32
  using Handle = void*;
#else
  using Handle = int;
#endif
  PlaceLock(std::string lock_path, Handle file);

  std::string lock_path_;
  Handle file_;
};

}  // namespace blockwatch
