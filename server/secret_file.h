#pragma once
// A small file that only its owner may read, replaced as a whole.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "storage/result.h"

namespace blockwatch {

// Changes whenever the file was replaced or written to, and where the system tells, when others
// were let at it.
struct FileStamp {
  std::int64_t changed_ns = 0;
  std::uint64_t size = 0;
  std::uint64_t file_id = 0;  // 0 where the system has none

  friend bool operator==(const FileStamp&, const FileStamp&) = default;
};

struct SecretFile {
  std::string text;
  FileStamp stamp;
};

inline constexpr std::uint64_t kMaxSecretFileBytes = std::uint64_t{1} << 20;

// Nothing: no such file.
std::optional<FileStamp> stamp_of(const std::filesystem::path& path);

// Whose the file is.
enum class SecretOwner : std::uint8_t {
  kSelf,    // this process's user
  kFolder,  // where this process is root's: the user's whose folder it is in (a service's, say)
};

// Nothing: no such file. kPermission: a link, not a plain file, of another user, or open to others
// (wider than 0600; on Windows, than this user, administrators and the system), or in a folder in
// which others may put another in its place; kCorrupt: larger than kMaxSecretFileBytes; kIo.
Result<std::optional<SecretFile>> read_secret_file(const std::filesystem::path& path,
                                                   SecretOwner owner = SecretOwner::kSelf);

// Either the old or the new text is there at any moment, also after a crash. The new file is
// created for its owner alone. kIo; kPermission: also when others may replace files in the folder.
Result<void> replace_secret_file(const std::filesystem::path& path, std::string_view text,
                                 SecretOwner owner = SecretOwner::kSelf);

}  // namespace blockwatch
