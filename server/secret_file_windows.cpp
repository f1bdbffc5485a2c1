#include <windows.h>

#include <array>
#include <system_error>
#include <utility>

#include "server/access_check_windows.h"
#include "server/access_list_windows.h"
#include "server/random.h"
#include "server/secret_file.h"
#include "storage/file_path.h"

namespace blockwatch {
namespace {

// Somebody else may have the old file open for a moment (a daemon that reads it, a virus scanner).
constexpr int kRenameAttempts = 50;
constexpr DWORD kRenamePauseMs = 20;

constexpr std::uint64_t kTicksTo1970 = 116'444'736'000'000'000;  // of 100 ns, from 1601

tl::unexpected<Error> failure(const std::filesystem::path& path, DWORD error) {
  return make_error(error == ERROR_ACCESS_DENIED ? ErrorCode::kPermission : ErrorCode::kIo,
                    to_utf8(path) + ": " + std::system_category().message(static_cast<int>(error)));
}

std::uint64_t join(DWORD high, DWORD low) { return (std::uint64_t{high} << 32U) | low; }

// Who may take files away there may put an old one back.
Result<void> check_folder(const std::filesystem::path& path) {
  const std::filesystem::path folder =
      path.has_parent_path() ? path.parent_path() : std::filesystem::path(L".");
  if (is_for_administrators(folder, kMoveRights, /*or_this_user=*/true)) return {};
  return make_error(ErrorCode::kPermission,
                    to_utf8(path) + ": others may replace files in its folder");
}

class File {
 public:
  explicit File(HANDLE handle) : handle_(handle) {}
  ~File() {
    if (valid()) ::CloseHandle(handle_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  bool valid() const { return handle_ != INVALID_HANDLE_VALUE; }
  HANDLE get() const { return handle_; }

 private:
  HANDLE handle_;
};

// ERROR_SUCCESS, or why not.
DWORD write_new_file(const std::filesystem::path& path, std::string_view text) {
  // The owner, the system and administrators, whatever the folder would let its files inherit.
  AccessList owner_only(L"D:P(A;;FA;;;OW)(A;;FA;;;SY)(A;;FA;;;BA)");
  if (owner_only.get() == nullptr) return ::GetLastError();
  const File file(::CreateFileW(path.c_str(), GENERIC_WRITE, 0, owner_only.get(), CREATE_NEW,
                                FILE_ATTRIBUTE_NORMAL, nullptr));
  if (!file.valid()) return ::GetLastError();
  DWORD written = 0;
  if (!::WriteFile(file.get(), text.data(), static_cast<DWORD>(text.size()), &written, nullptr) ||
      !::FlushFileBuffers(file.get())) {
    return ::GetLastError();
  }
  return written == text.size() ? ERROR_SUCCESS : ERROR_DISK_FULL;
}

DWORD rename_over(const std::filesystem::path& from, const std::filesystem::path& to) {
  DWORD error = ERROR_SUCCESS;
  for (int attempt = 0; attempt < kRenameAttempts; ++attempt) {
    if (::MoveFileExW(from.c_str(), to.c_str(),
                      MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH)) {
      return ERROR_SUCCESS;
    }
    error = ::GetLastError();
    if (error != ERROR_ACCESS_DENIED && error != ERROR_SHARING_VIOLATION) break;
    ::Sleep(kRenamePauseMs);
  }
  return error;
}

}  // namespace

std::optional<FileStamp> stamp_of(const std::filesystem::path& path) {
  WIN32_FILE_ATTRIBUTE_DATA data{};
  if (!::GetFileAttributesExW(path.c_str(), GetFileExInfoStandard, &data)) return std::nullopt;
  const FILETIME& modified = data.ftLastWriteTime;
  const std::uint64_t since_1970 =
      join(modified.dwHighDateTime, modified.dwLowDateTime) - kTicksTo1970;
  return FileStamp{static_cast<std::int64_t>(since_1970 * 100),
                   join(data.nFileSizeHigh, data.nFileSizeLow), 0};
}

Result<std::optional<SecretFile>> read_secret_file(const std::filesystem::path& path,
                                                   SecretOwner /*owner*/) {
  const auto stamp = stamp_of(path);
  if (!stamp) return std::optional<SecretFile>{};
  const DWORD attributes = ::GetFileAttributesW(path.c_str());
  if ((attributes & (FILE_ATTRIBUTE_DIRECTORY | FILE_ATTRIBUTE_REPARSE_POINT)) != 0) {
    return make_error(ErrorCode::kPermission, to_utf8(path) + ": is a link or not a plain file");
  }
  const File file(::CreateFileW(path.c_str(), GENERIC_READ,
                                FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, nullptr,
                                OPEN_EXISTING, FILE_FLAG_OPEN_REPARSE_POINT, nullptr));
  if (!file.valid()) return failure(path, ::GetLastError());
  if (!is_for_administrators(file.get(), kAnyRight, /*or_this_user=*/true)) {
    return make_error(ErrorCode::kPermission,
                      to_utf8(path) +
                          ": others than its owner, administrators and the system may read or "
                          "change it, or own it");
  }
  if (auto safe = check_folder(path); !safe) return tl::unexpected(safe.error());
  SecretFile result;
  result.stamp = *stamp;
  std::array<char, 4096> buffer{};
  for (;;) {
    DWORD got = 0;
    if (!::ReadFile(file.get(), buffer.data(), static_cast<DWORD>(buffer.size()), &got, nullptr)) {
      return failure(path, ::GetLastError());
    }
    if (got == 0) break;
    result.text.append(buffer.data(), got);
    if (result.text.size() > kMaxSecretFileBytes) {
      return make_error(ErrorCode::kCorrupt, to_utf8(path) + ": is too large");
    }
  }
  return std::optional<SecretFile>(std::move(result));
}

Result<void> replace_secret_file(const std::filesystem::path& path, std::string_view text,
                                 SecretOwner /*owner*/) {
  if (auto safe = check_folder(path); !safe) return safe;
  std::array<unsigned char, 8> bytes{};
  if (!fill_random(bytes.data(), bytes.size())) {
    return make_error(ErrorCode::kIo, "the system's random generator failed");
  }
  std::filesystem::path temporary = path;
  temporary += ".new-";
  for (const unsigned char byte : bytes) temporary += std::to_string(byte);

  DWORD error = write_new_file(temporary, text);
  if (error == ERROR_SUCCESS) error = rename_over(temporary, path);
  if (error == ERROR_SUCCESS) return {};
  ::DeleteFileW(temporary.c_str());
  return failure(path, error);
}

}  // namespace blockwatch
