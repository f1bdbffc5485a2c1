#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

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

}  // namespace blockwatch
