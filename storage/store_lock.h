#pragma once
// Keeps a second process (and a second Store of this one) from writing to the same file.

#include <cstddef>
#include <string>

#include "storage/result.h"

namespace blockwatch {

// Held until destroyed; the operating system lets go of it when the process dies in any way.
class StoreLock {
 public:
  // `path` is the lock file itself (UTF-8); it is created and stays. kConflict: held by another.
  static Result<StoreLock> acquire(const std::string& path);

  StoreLock(StoreLock&& other) noexcept;
  StoreLock& operator=(StoreLock&& other) noexcept;
  StoreLock(const StoreLock&) = delete;
  StoreLock& operator=(const StoreLock&) = delete;
  ~StoreLock();

  // A line that an earlier holder has left in the file; empty: none.
  std::string note() const;
  // It is on the disk when this returns. Not longer than kMaxNote, without a line break.
  Result<void> set_note(const std::string& note);
  static constexpr std::size_t kMaxNote = 400;  // less than a sector: all of it or nothing

 private:
  explicit StoreLock(int file) : file_(file) {}
  int file_ = -1;
};

}  // namespace blockwatch
