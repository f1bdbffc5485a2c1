#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "storage/store_file.h"

namespace blockwatch {

Result<void> create_private_file(const std::string& path) {
  // A link to a file that exists is followed, as SQLite does.
  if (::access(path.c_str(), F_OK) == 0) return {};
  int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (file >= 0) {
    ::close(file);
    return {};
  }
  int error = errno;
  bool refused = error == EACCES || error == EPERM || error == EROFS;
  return make_error(refused ? ErrorCode::kPermission : ErrorCode::kIo,
                    "cannot create the store " + path + ": " + std::strerror(error));
}

namespace {

Result<void> sync(const std::filesystem::path& path, int flags) {
  const int file = ::open(path.c_str(), flags | O_CLOEXEC);
  const bool synced = file >= 0 && ::fsync(file) == 0;
  const int error = errno;
  if (file >= 0) ::close(file);
  if (synced) return {};
  return make_error(error == ENOSPC ? ErrorCode::kUnavailable : ErrorCode::kIo,
                    "cannot write " + path.string() + " to the disk: " + std::strerror(error));
}

}  // namespace

Result<void> keep_as(const std::string& path, const std::string& new_path) {
  if (auto synced = sync(path, O_RDONLY); !synced) return synced;
  if (std::rename(path.c_str(), new_path.c_str()) != 0) {
    return make_error(ErrorCode::kIo,
                      "cannot rename " + path + " to " + new_path + ": " + std::strerror(errno));
  }
  const auto folder = std::filesystem::path(new_path).parent_path();
  return sync(folder.empty() ? std::filesystem::path(".") : folder, O_RDONLY | O_DIRECTORY);
}

}  // namespace blockwatch
