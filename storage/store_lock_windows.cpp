#include <fcntl.h>
#include <io.h>
#include <share.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <windows.h>

#include <cerrno>
#include <cstdio>
#include <utility>

#include "storage/file_path.h"
#include "storage/store_lock.h"

namespace blockwatch {

Result<StoreLock> StoreLock::acquire(const std::string& path) {
  int file = -1;
  // The deny-all share mode is the lock: a second open fails while this one lives.
  const errno_t error =
      ::_wsopen_s(&file, to_path(path).c_str(), _O_RDWR | _O_CREAT | _O_BINARY | _O_NOINHERIT,
                  _SH_DENYRW, _S_IREAD | _S_IWRITE);
  if (error == 0) return StoreLock(file);
  const unsigned long reason = _doserrno;
  if (reason == ERROR_SHARING_VIOLATION) {
    return make_error(ErrorCode::kConflict,
                      "the store is in use by another process (" + path + " is locked)");
  }
  return make_error(
      error == EACCES ? ErrorCode::kPermission : ErrorCode::kIo,
      "cannot create the lock file " + path + " (error " + std::to_string(reason) + ")");
}

StoreLock::StoreLock(StoreLock&& other) noexcept : file_(std::exchange(other.file_, -1)) {}

StoreLock& StoreLock::operator=(StoreLock&& other) noexcept {
  std::swap(file_, other.file_);
  return *this;
}

StoreLock::~StoreLock() {
  if (file_ >= 0) ::_close(file_);
}

std::string StoreLock::note() const {
  std::string text(kMaxNote + 1, '\0');
  int size = -1;
  if (::_lseeki64(file_, 0, SEEK_SET) == 0) {
    size = ::_read(file_, text.data(), static_cast<unsigned>(text.size()));
  }
  const std::size_t end = text.find('\n');
  return size < 0 || end == std::string::npos ? std::string() : text.substr(0, end);
}

Result<void> StoreLock::set_note(const std::string& note) {
  // What a longer one leaves behind the line break says nothing.
  const std::string line = note + '\n';
  const int size = static_cast<int>(line.size());
  if (::_lseeki64(file_, 0, SEEK_SET) == 0 &&
      ::_write(file_, line.data(), static_cast<unsigned>(size)) == size && ::_commit(file_) == 0) {
    return {};
  }
  return make_error(ErrorCode::kIo,
                    "cannot write to the lock file (error " + std::to_string(errno) + ")");
}

}  // namespace blockwatch
