#include <fcntl.h>
#include <io.h>
#include <share.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <utility>

#include "storage/store_lock.h"

namespace blockwatch {

Result<StoreLock> StoreLock::acquire(const std::string& path) {
  std::filesystem::path name(std::u8string(path.begin(), path.end()));
  int file = -1;
  // The deny-all share mode is the lock: a second open fails with EACCES while this one lives.
  int error = ::_wsopen_s(&file, name.c_str(), _O_RDWR | _O_CREAT | _O_BINARY | _O_NOINHERIT,
                          _SH_DENYRW, _S_IREAD | _S_IWRITE);
  if (error == 0) return StoreLock(file);
  std::error_code ignored;
  if (error == EACCES && std::filesystem::exists(name, ignored)) {
    return make_error(ErrorCode::kConflict,
                      "the store is in use by another process (" + path + " is locked)");
  }
  return make_error(
      error == EACCES ? ErrorCode::kPermission : ErrorCode::kIo,
      "cannot create the lock file " + path + " (error " + std::to_string(error) + ")");
}

StoreLock::StoreLock(StoreLock&& other) noexcept : file_(std::exchange(other.file_, -1)) {}

StoreLock& StoreLock::operator=(StoreLock&& other) noexcept {
  std::swap(file_, other.file_);
  return *this;
}

StoreLock::~StoreLock() {
  if (file_ >= 0) ::_close(file_);
}

}  // namespace blockwatch
