#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include "server/descriptor_posix.h"
#include "server/random.h"
#include "server/secret_file.h"

namespace blockwatch {
namespace {

std::string describe(const std::filesystem::path& path, int error) {
  return path.string() + ": " + std::system_category().message(error);
}

tl::unexpected<Error> failure(const std::filesystem::path& path) {
  const int error = errno;
  const bool denied = error == EACCES || error == EPERM;
  return make_error(denied ? ErrorCode::kPermission : ErrorCode::kIo, describe(path, error));
}

std::filesystem::path folder_of(const std::filesystem::path& path) {
  return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

// Who may write there may put an old file back, or take this one away. Where the sticky bit is set
// (/tmp) only the owner of a file may.
Result<void> check_folder(const std::filesystem::path& path, uid_t owner) {
  const std::filesystem::path folder = folder_of(path);
  struct stat status {};
  if (::stat(folder.c_str(), &status) != 0) return failure(folder);
  const bool ours = status.st_uid == owner || status.st_uid == 0;
  const bool others_write = (status.st_mode & 022U) != 0 && (status.st_mode & S_ISVTX) == 0;
  if (ours && !others_write) return {};
  return make_error(ErrorCode::kPermission,
                    path.string() + ": others may write in its folder " + folder.string());
}

uid_t uid_of(SecretOwner owner, const std::filesystem::path& path) {
  struct stat folder {};
  const bool asked = owner == SecretOwner::kFolder && ::geteuid() == 0;
  return asked && ::stat(folder_of(path).c_str(), &folder) == 0 ? folder.st_uid : ::geteuid();
}

FileStamp to_stamp(const struct stat& status) {
#ifdef __APPLE__
  const timespec& changed = status.st_ctimespec;
#else
  const timespec& changed = status.st_ctim;
#endif
  return {static_cast<std::int64_t>(changed.tv_sec) * 1'000'000'000 + changed.tv_nsec,
          static_cast<std::uint64_t>(status.st_size), static_cast<std::uint64_t>(status.st_ino)};
}

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(fd, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

// A name nobody can have put there before.
Result<std::filesystem::path> temporary_name(const std::filesystem::path& path) {
  std::array<unsigned char, 8> bytes{};
  if (!fill_random(bytes.data(), bytes.size())) {
    return make_error(ErrorCode::kIo, "the system's random generator failed");
  }
  std::string suffix = ".new-";
  for (const unsigned char byte : bytes) {
    constexpr std::string_view kHex = "0123456789abcdef";
    suffix.push_back(kHex[byte >> 4U]);
    suffix.push_back(kHex[byte & 15U]);
  }
  return std::filesystem::path(path.string() + suffix);
}

}  // namespace

std::optional<FileStamp> stamp_of(const std::filesystem::path& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return std::nullopt;
  return to_stamp(status);
}

Result<std::optional<SecretFile>> read_secret_file(const std::filesystem::path& path,
                                                   SecretOwner owner) {
  const uid_t uid = uid_of(owner, path);
  // O_NONBLOCK: a FIFO in its place must not hold us; it is refused below.
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
  if (!file.valid()) {
    if (errno == ENOENT) return std::optional<SecretFile>{};
    if (errno == ELOOP) {
      return make_error(ErrorCode::kPermission, path.string() + ": is a symbolic link");
    }
    return failure(path);
  }
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return failure(path);
  if (!S_ISREG(status.st_mode)) {
    return make_error(ErrorCode::kPermission, path.string() + ": is not a plain file");
  }
  if (status.st_uid != uid) {
    return make_error(ErrorCode::kPermission, path.string() + ": belongs to another user");
  }
  if ((status.st_mode & 077U) != 0) {
    return make_error(ErrorCode::kPermission,
                      path.string() + ": may be read by others; expected mode 0600");
  }
  if (auto safe = check_folder(path, uid); !safe) return tl::unexpected<Error>(safe.error());
  SecretFile result;
  result.stamp = to_stamp(status);
  if (result.stamp.size > kMaxSecretFileBytes) {
    return make_error(ErrorCode::kCorrupt, path.string() + ": is too large");
  }
  std::array<char, 4096> buffer{};
  while (true) {
    const ssize_t count = ::read(file.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failure(path);
    if (count == 0) break;
    result.text.append(buffer.data(), static_cast<std::size_t>(count));
    if (result.text.size() > kMaxSecretFileBytes) {
      return make_error(ErrorCode::kCorrupt, path.string() + ": is too large");
    }
  }
  return std::optional<SecretFile>(std::move(result));
}

Result<void> replace_secret_file(const std::filesystem::path& path, std::string_view text,
                                 SecretOwner owner) {
  const uid_t uid = uid_of(owner, path);
  if (auto safe = check_folder(path, uid); !safe) return safe;
  const auto temporary = temporary_name(path);
  if (!temporary) return tl::unexpected<Error>(temporary.error());
  {
    const Descriptor file(
        ::open(temporary->c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!file.valid()) return failure(*temporary);
    const bool given = uid == ::geteuid() || ::fchown(file.get(), uid, static_cast<gid_t>(-1)) == 0;
    if (!given || !write_all(file.get(), text) || ::fsync(file.get()) != 0) {
      auto error = failure(*temporary);
      ::unlink(temporary->c_str());
      return error;
    }
  }
  if (::rename(temporary->c_str(), path.c_str()) != 0) {
    auto error = failure(path);
    ::unlink(temporary->c_str());
    return error;
  }
  // The new name is durable once its folder is; a folder that cannot be synced loses no data now.
  const Descriptor directory(::open(folder_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.valid()) ::fsync(directory.get());
  return {};
}

}  // namespace blockwatch
