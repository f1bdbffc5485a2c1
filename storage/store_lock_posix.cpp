#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "storage/store_lock.h"

namespace blockwatch {

Result<StoreLock> StoreLock::acquire(const std::string& path) {
  int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) {
    int error = errno;
    bool refused = error == EACCES || error == EPERM || error == EROFS;
    return make_error(refused ? ErrorCode::kPermission : ErrorCode::kIo,
                      "cannot create the lock file " + path + ": " + std::strerror(error));
  }
  StoreLock lock(file);
  // flock, not fcntl: it also keeps out a second Store of the same process.
  if (::flock(file, LOCK_EX | LOCK_NB) == 0) return lock;
  int error = errno;
  if (error == EWOULDBLOCK) {
    return make_error(ErrorCode::kConflict,
                      "the store is in use by another process (" + path + " is locked)");
  }
  return make_error(ErrorCode::kIo, "cannot lock " + path + ": " + std::strerror(error));
}

StoreLock::StoreLock(StoreLock&& other) noexcept : file_(std::exchange(other.file_, -1)) {}

StoreLock& StoreLock::operator=(StoreLock&& other) noexcept {
  std::swap(file_, other.file_);
  return *this;
}

StoreLock::~StoreLock() {
  if (file_ >= 0) ::close(file_);
}

std::string StoreLock::note() const {
  std::string text(kMaxNote + 1, '\0');
  const ssize_t size = ::pread(file_, text.data(), text.size(), 0);
  const std::size_t end = text.find('\n');
  return size < 0 || end == std::string::npos ? std::string() : text.substr(0, end);
}

Result<void> StoreLock::set_note(const std::string& note) {
  // What a longer one leaves behind the line break says nothing.
  const std::string line = note + '\n';
  if (::pwrite(file_, line.data(), line.size(), 0) == static_cast<ssize_t>(line.size()) &&
      ::fsync(file_) == 0) {
    return {};
  }
  const int error = errno;
  return make_error(error == ENOSPC ? ErrorCode::kUnavailable : ErrorCode::kIo,
                    std::string("cannot write to the lock file: ") + std::strerror(error));
}

}  // namespace blockwatch
