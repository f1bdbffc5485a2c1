// Before the names of folders: defines them here.
#include <initguid.h>
// Then windows.h, then what needs it.
#include <windows.h>

#include <aclapi.h>
#include <knownfolders.h>
#include <shlobj.h>

#include <system_error>
#include <vector>

#include "server/access_list_windows.h"
#include "server/data_folder.h"
#include "server/system_function.h"
#include "storage/file_path.h"

namespace blockwatch {
namespace {

namespace fs = std::filesystem;

// What the process's token says of itself; empty when it cannot be asked.
std::vector<unsigned char> token_information(TOKEN_INFORMATION_CLASS what) {
  HANDLE token = nullptr;
  if (!::OpenProcessToken(::GetCurrentProcess(), TOKEN_QUERY, &token)) return {};
  DWORD size = 0;
  ::GetTokenInformation(token, what, nullptr, 0, &size);
  std::vector<unsigned char> bytes(size);
  if (!::GetTokenInformation(token, what, bytes.data(), size, &size)) bytes.clear();
  ::CloseHandle(token);
  return bytes;
}

bool is_administrator() {
  const auto bytes = token_information(TokenElevation);
  return bytes.size() >= sizeof(TOKEN_ELEVATION) &&
         reinterpret_cast<const TOKEN_ELEVATION*>(bytes.data())->TokenIsElevated != 0;
}

// Any user may make folders in ProgramData: one that somebody else made beforehand would be theirs.
bool is_owner_trusted(const fs::path& folder) {
  PSID owner = nullptr;
  PSECURITY_DESCRIPTOR descriptor = nullptr;
  if (::GetNamedSecurityInfoW(folder.c_str(), SE_FILE_OBJECT, OWNER_SECURITY_INFORMATION, &owner,
                              nullptr, nullptr, nullptr, &descriptor) != ERROR_SUCCESS) {
    return false;
  }
  const auto user = token_information(TokenUser);
  const bool trusted =
      ::IsWellKnownSid(owner, WinLocalSystemSid) ||
      ::IsWellKnownSid(owner, WinBuiltinAdministratorsSid) ||
      (!user.empty() &&
       ::EqualSid(owner, reinterpret_cast<const TOKEN_USER*>(user.data())->User.Sid));
  ::LocalFree(descriptor);
  return trusted;
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
  const DWORD attributes = ::GetFileAttributesW(folder->c_str());
  if ((attributes & FILE_ATTRIBUTE_REPARSE_POINT) != 0 || !is_owner_trusted(*folder)) {
    return make_error(ErrorCode::kPermission,
                      to_utf8(*folder) +
                          ": was made by another user; remove it, or say with --db "
                          "where the database shall be");
  }
  return folder;
}

}  // namespace blockwatch
