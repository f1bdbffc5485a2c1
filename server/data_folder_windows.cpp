// Before the names of folders: defines them here.
#include <initguid.h>
// Then windows.h, then what needs it.
#include <windows.h>

#include <knownfolders.h>
#include <shlobj.h>

#include <system_error>

#include "server/access_check_windows.h"
#include "server/access_list_windows.h"
#include "server/data_folder.h"
#include "storage/file_path.h"
#include "storage/system_function.h"

namespace blockwatch {
namespace {

namespace fs = std::filesystem;

bool is_administrator() {
  HANDLE token = nullptr;
  if (!::OpenProcessToken(::GetCurrentProcess(), TOKEN_QUERY, &token)) return false;
  TOKEN_ELEVATION elevation{};
  DWORD size = sizeof(elevation);
  const bool known = ::GetTokenInformation(token, TokenElevation, &elevation, size, &size) != 0;
  ::CloseHandle(token);
  return known && elevation.TokenIsElevated != 0;
}

tl::unexpected<Error> failure(const fs::path& folder, DWORD error) {
  return make_error(
      error == ERROR_ACCESS_DENIED ? ErrorCode::kPermission : ErrorCode::kIo,
      to_utf8(folder) + ": " + std::system_category().message(static_cast<int>(error)));
}

// Not from the environment, which a user can change.
Result<fs::path> known_folder(const KNOWNFOLDERID& id) {
  const auto find =
      system_function<decltype(SHGetKnownFolderPath)>(L"shell32.dll", "SHGetKnownFolderPath");
  const auto free = system_function<decltype(CoTaskMemFree)>(L"ole32.dll", "CoTaskMemFree");
  wchar_t* name = nullptr;
  if (find == nullptr || free == nullptr || find(id, 0, nullptr, &name) != S_OK) {
    return make_error(ErrorCode::kInvalidArgument,
                      "no data folder is known: say with --db where the database shall be");
  }
  fs::path folder(name);
  free(name);
  return folder / "Blockwatch";
}

}  // namespace

Result<fs::path> make_data_folder() {
  if (!is_administrator()) {
    auto folder = known_folder(FOLDERID_LocalAppData);
    // What is in there inherits an access list for the user, the system and administrators.
    if (folder && !::CreateDirectoryW(folder->c_str(), nullptr) &&
        ::GetLastError() != ERROR_ALREADY_EXISTS) {
      return failure(*folder, ::GetLastError());
    }
    return folder;
  }
  auto folder = known_folder(FOLDERID_ProgramData);
  if (!folder) return folder;
  AccessList for_administrators(L"O:BAG:BAD:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)");
  if (for_administrators.get() == nullptr) return failure(*folder, ::GetLastError());
  if (::CreateDirectoryW(folder->c_str(), for_administrators.get())) return folder;
  const DWORD error = ::GetLastError();
  if (error != ERROR_ALREADY_EXISTS) return failure(*folder, error);
  // Any user may make folders in ProgramData: one that somebody else made beforehand would be
  // theirs, and one that was made by hand is open to all.
  if (!is_for_administrators(*folder, kAnyRight, true)) {
    return make_error(ErrorCode::kPermission,
                      to_utf8(*folder) +
                          ": is not for administrators alone, or another user made it; remove it, "
                          "or say with --db where the database shall be");
  }
  return folder;
}

}  // namespace blockwatch
