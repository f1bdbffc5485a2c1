// Files through pread: a file that is cut meanwhile gives short reads, where a mapping would fault.

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "monitor/evtx/reader.h"

namespace blockwatch::evtx {

namespace {

class PosixFile final : public ByteSource {
 public:
  explicit PosixFile(int fd) : fd_(fd) {}
  ~PosixFile() override { ::close(fd_); }
  PosixFile(const PosixFile&) = delete;
  PosixFile& operator=(const PosixFile&) = delete;

  std::uint64_t size() const override {
    struct stat status {};
    return ::fstat(fd_, &status) == 0 ? static_cast<std::uint64_t>(status.st_size) : 0;
  }

  Result<std::size_t> read_at(std::uint64_t offset, void* buffer, std::size_t n) const override {
    std::size_t done = 0;
    while (done < n) {
      const ssize_t got = ::pread(fd_, static_cast<char*>(buffer) + done, n - done,
                                  static_cast<off_t>(offset + done));
      if (got == 0) break;
      if (got < 0 && errno == EINTR) continue;
      if (got < 0)
        return make_error(ErrorCode::kIo, std::string("cannot read: ") + std::strerror(errno));
      done += static_cast<std::size_t>(got);
    }
    return done;
  }

 private:
  int fd_;
};

ErrorCode code_of(int error) {
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return ErrorCode::kNotFound;
    case EACCES:
    case EPERM:
      return ErrorCode::kPermission;
    default:
      return ErrorCode::kIo;
  }
}

}  // namespace

Result<std::unique_ptr<ByteSource>> open_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) {
    const int error = errno;
    return make_error(code_of(error), std::string("cannot be opened: ") + std::strerror(error));
  }
  auto file = std::make_unique<PosixFile>(fd);
  struct stat status {};
  if (::fstat(fd, &status) == 0 && !S_ISREG(status.st_mode))
    return make_error(ErrorCode::kInvalidArgument, "is not a regular file");
  return file;
}

}  // namespace blockwatch::evtx
