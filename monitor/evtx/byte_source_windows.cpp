// Files by handle and offset, shared with everybody: a log is read while the system writes to it,
// renames it into an archive, or deletes it.

#include <windows.h>

#include <algorithm>
#include <system_error>

#include "monitor/evtx/reader.h"
#include "storage/file_path.h"

namespace blockwatch::evtx {

namespace {

constexpr DWORD kShareAll = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;

std::string text_of(DWORD error) { return std::system_category().message(static_cast<int>(error)); }

class WindowsFile final : public ByteSource {
 public:
  explicit WindowsFile(HANDLE file) : file_(file) {}
  ~WindowsFile() override { ::CloseHandle(file_); }
  WindowsFile(const WindowsFile&) = delete;
  WindowsFile& operator=(const WindowsFile&) = delete;

  std::uint64_t size() const override {
    LARGE_INTEGER size{};
    return ::GetFileSizeEx(file_, &size) ? static_cast<std::uint64_t>(size.QuadPart) : 0;
  }

  Result<std::size_t> read_at(std::uint64_t offset, void* buffer, std::size_t n) const override {
    std::size_t done = 0;
    while (done < n) {
      // With an offset the handle's own position plays no part, so threads may read at once.
      OVERLAPPED at{};
      at.Offset = static_cast<DWORD>(offset + done);
      at.OffsetHigh = static_cast<DWORD>((offset + done) >> 32U);
      const auto wanted = static_cast<DWORD>(std::min<std::size_t>(n - done, 1U << 30U));
      DWORD got = 0;
      if (!::ReadFile(file_, static_cast<char*>(buffer) + done, wanted, &got, &at)) {
        const DWORD error = ::GetLastError();
        if (error == ERROR_HANDLE_EOF) break;
        return make_error(ErrorCode::kIo, "cannot read: " + text_of(error));
      }
      if (got == 0) break;
      done += got;
    }
    return done;
  }

 private:
  HANDLE file_;
};

ErrorCode code_of(DWORD error) {
  switch (error) {
    case ERROR_FILE_NOT_FOUND:
    case ERROR_PATH_NOT_FOUND:
    case ERROR_INVALID_NAME:
      return ErrorCode::kNotFound;
    case ERROR_ACCESS_DENIED:
    case ERROR_SHARING_VIOLATION:
      return ErrorCode::kPermission;
    default:
      return ErrorCode::kIo;
  }
}

}  // namespace

Result<std::unique_ptr<ByteSource>> open_file(const std::string& path) {
  const auto native = to_path(path);
  const DWORD attributes = ::GetFileAttributesW(native.c_str());
  if (attributes != INVALID_FILE_ATTRIBUTES && (attributes & FILE_ATTRIBUTE_DIRECTORY) != 0)
    return make_error(ErrorCode::kInvalidArgument, "is not a regular file");
  const HANDLE handle = ::CreateFileW(native.c_str(), GENERIC_READ, kShareAll, nullptr,
                                      OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, nullptr);
  if (handle == INVALID_HANDLE_VALUE) {
    const DWORD error = ::GetLastError();
    return make_error(code_of(error), "cannot be opened: " + text_of(error));
  }
  auto file = std::make_unique<WindowsFile>(handle);
  if (::GetFileType(handle) != FILE_TYPE_DISK)
    return make_error(ErrorCode::kInvalidArgument, "is not a regular file");
  return file;
}

}  // namespace blockwatch::evtx
