#include <windows.h>

#include <system_error>
#include <utility>

#include "storage/file_path.h"
#include "storage/place_lock.h"

namespace blockwatch {
namespace {

constexpr DWORD kPauseMs = 10;

}  // namespace

Result<PlaceLock> PlaceLock::take(const std::string& path, std::chrono::milliseconds patience) {
  const std::string lock_path = path + ".lock";
  const auto end = std::chrono::steady_clock::now() + patience;
  for (;;) {
    // Shared with nobody, and gone with its handle: it is there only while it is held. A link is
    // not followed.
    const HANDLE file =
        ::CreateFileW(to_path(lock_path).c_str(), GENERIC_WRITE | DELETE, 0, nullptr, OPEN_ALWAYS,
                      FILE_FLAG_DELETE_ON_CLOSE | FILE_FLAG_OPEN_REPARSE_POINT, nullptr);
    if (file != INVALID_HANDLE_VALUE) return PlaceLock(lock_path, file);
    const DWORD error = ::GetLastError();
    // Refused is also what is just going.
    const bool held = error == ERROR_SHARING_VIOLATION || error == ERROR_ACCESS_DENIED;
    if (held && std::chrono::steady_clock::now() < end) {
      ::Sleep(kPauseMs);
      continue;
    }
    if (error == ERROR_SHARING_VIOLATION) {
      return make_error(ErrorCode::kConflict, lock_path + " is held by another program");
    }
    return make_error(held ? ErrorCode::kPermission : ErrorCode::kIo,
                      "cannot lock " + lock_path + ": " +
                          std::system_category().message(static_cast<int>(error)));
  }
}

PlaceLock::PlaceLock(std::string lock_path, Handle file)
    : lock_path_(std::move(lock_path)), file_(file) {}

PlaceLock::PlaceLock(PlaceLock&& other) noexcept
    : lock_path_(std::move(other.lock_path_)),
      file_(std::exchange(other.file_, INVALID_HANDLE_VALUE)) {}

PlaceLock::~PlaceLock() {
  if (file_ != INVALID_HANDLE_VALUE) ::CloseHandle(file_);
}

}  // namespace blockwatch
