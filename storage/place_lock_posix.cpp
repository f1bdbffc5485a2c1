#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <thread>
#include <utility>

#include "storage/place_lock.h"

namespace blockwatch {
namespace {

constexpr std::chrono::milliseconds kPause{10};

tl::unexpected<Error> lock_failure(const std::string& lock_path) {
  const int error = errno;
  const bool refused = error == EACCES || error == EPERM || error == EROFS || error == ELOOP;
  return make_error(refused ? ErrorCode::kPermission : ErrorCode::kIo,
                    "cannot lock " + lock_path + ": " + std::strerror(error));
}

// Root works for the user in whose folder it is: that user shall not find a lock of root's.
uid_t owner_of(const std::string& lock_path) {
  const auto folder = std::filesystem::path(lock_path).parent_path();
  struct stat status {};
  const bool found = ::stat(folder.empty() ? "." : folder.c_str(), &status) == 0;
  return found && ::geteuid() == 0 ? status.st_uid : ::geteuid();
}

// -1 with errno: EAGAIN when a lock that was there has gone.
int open_lock(const std::string& lock_path, uid_t owner) {
  constexpr int kFlags = O_RDWR | O_NOFOLLOW | O_CLOEXEC;
  const int made = ::open(lock_path.c_str(), kFlags | O_CREAT | O_EXCL, S_IRUSR | S_IWUSR);
  if (made < 0 && errno == EEXIST) {
    const int found = ::open(lock_path.c_str(), kFlags);
    if (found < 0 && errno == ENOENT) errno = EAGAIN;
    return found;
  }
  if (made < 0) return made;
  // Only what was made here is given away: a name that was there can lead to any file.
  if (owner == ::geteuid() || ::fchown(made, owner, static_cast<gid_t>(-1)) == 0) return made;
  const int error = errno;
  ::unlink(lock_path.c_str());
  ::close(made);
  errno = error;
  return -1;
}

// Who had it before us has removed it.
bool is_still_there(int file, const std::string& lock_path) {
  struct stat locked {};
  struct stat named {};
  return ::fstat(file, &locked) == 0 && ::lstat(lock_path.c_str(), &named) == 0 &&
         locked.st_dev == named.st_dev && locked.st_ino == named.st_ino;
}

}  // namespace

Result<PlaceLock> PlaceLock::take(const std::string& path, std::chrono::milliseconds patience) {
  const std::string lock_path = path + ".lock";
  const uid_t owner = owner_of(lock_path);
  const auto end = std::chrono::steady_clock::now() + patience;
  for (;;) {
    const int file = open_lock(lock_path, owner);
    if (file >= 0 && ::flock(file, LOCK_EX | LOCK_NB) == 0 && is_still_there(file, lock_path)) {
      return PlaceLock(lock_path, file);
    }
    if (file < 0 && errno != EAGAIN) return lock_failure(lock_path);
    if (file >= 0) ::close(file);
    if (std::chrono::steady_clock::now() >= end) {
      return make_error(ErrorCode::kConflict, lock_path + " is held by another program");
    }
    std::this_thread::sleep_for(kPause);
  }
}

PlaceLock::PlaceLock(std::string lock_path, Handle file)
    : lock_path_(std::move(lock_path)), file_(file) {}

PlaceLock::PlaceLock(PlaceLock&& other) noexcept
    : lock_path_(std::move(other.lock_path_)), file_(std::exchange(other.file_, -1)) {}

PlaceLock::~PlaceLock() {
  if (file_ < 0) return;
  // While it is locked: nobody else takes this file for the lock any more.
  ::unlink(lock_path_.c_str());
  ::close(file_);
}

}  // namespace blockwatch
