#include <fcntl.h>
#include <io.h>
#include <share.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <system_error>
#include <utility>

#include "server/random.h"
#include "server/secret_file.h"

namespace blockwatch {
namespace {

tl::unexpected<Error> failure(const std::filesystem::path& path, const std::string& text) {
  return make_error(ErrorCode::kIo, path.string() + ": " + text);
}

}  // namespace

std::optional<FileStamp> stamp_of(const std::filesystem::path& path) {
  std::error_code error;
  const auto modified = std::filesystem::last_write_time(path, error);
  if (error) return std::nullopt;
  const auto size = std::filesystem::file_size(path, error);
  if (error) return std::nullopt;
  const auto since_epoch = modified.time_since_epoch();
  return FileStamp{std::chrono::duration_cast<std::chrono::nanoseconds>(since_epoch).count(), size,
                   0};
}

Result<std::optional<SecretFile>> read_secret_file(const std::filesystem::path& path) {
  const auto stamp = stamp_of(path);
  if (!stamp) return std::optional<SecretFile>{};
  std::error_code error;
  if (!std::filesystem::is_regular_file(std::filesystem::symlink_status(path, error))) {
    return make_error(ErrorCode::kPermission, path.string() + ": is a link or not a plain file");
  }
  if (stamp->size > kMaxSecretFileBytes) {
    return make_error(ErrorCode::kCorrupt, path.string() + ": is too large");
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) return failure(path, "cannot be opened");
  SecretFile result;
  result.stamp = *stamp;
  result.text.assign(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  if (file.bad()) return failure(path, "cannot be read");
  return std::optional<SecretFile>(std::move(result));
}

Result<void> replace_secret_file(const std::filesystem::path& path, std::string_view text) {
  std::array<unsigned char, 8> bytes{};
  if (!fill_random(bytes.data(), bytes.size())) {
    return make_error(ErrorCode::kIo, "the system's random generator failed");
  }
  std::filesystem::path temporary = path;
  temporary += ".new-";
  for (const unsigned char byte : bytes) temporary += std::to_string(byte);

  int fd = -1;
  const errno_t opened =
      ::_wsopen_s(&fd, temporary.c_str(), _O_WRONLY | _O_CREAT | _O_EXCL | _O_BINARY | _O_NOINHERIT,
                  _SH_DENYRW, _S_IREAD | _S_IWRITE);
  if (opened != 0) return failure(temporary, "cannot be created");
  const int written = ::_write(fd, text.data(), static_cast<unsigned>(text.size()));
  const bool stored = written == static_cast<int>(text.size()) && ::_commit(fd) == 0;
  ::_close(fd);
  std::error_code error;
  if (stored) std::filesystem::rename(temporary, path, error);
  if (stored && !error) return {};
  std::error_code ignored;
  std::filesystem::remove(temporary, ignored);
  return failure(path, stored ? error.message() : "cannot be written");
}

}  // namespace blockwatch
