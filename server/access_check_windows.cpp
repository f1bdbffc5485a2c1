#include "server/access_check_windows.h"

// After windows.h, which the header brings.
#include <aclapi.h>
#include <sddl.h>

#include <vector>

namespace blockwatch {
namespace {

// It owns most of what Windows itself has installed.
constexpr const wchar_t* kTrustedInstaller =
    L"S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464";

class Trusted {
 public:
  explicit Trusted(bool this_user) {
    ::ConvertStringSidToSidW(kTrustedInstaller, &installer_);
    HANDLE token = nullptr;
    if (!this_user || !::OpenProcessToken(::GetCurrentProcess(), TOKEN_QUERY, &token)) return;
    DWORD size = 0;
    ::GetTokenInformation(token, TokenUser, nullptr, 0, &size);
    user_.resize(size);
    if (!::GetTokenInformation(token, TokenUser, user_.data(), size, &size)) user_.clear();
    ::CloseHandle(token);
  }
  ~Trusted() { ::LocalFree(installer_); }
  Trusted(const Trusted&) = delete;
  Trusted& operator=(const Trusted&) = delete;

  bool contains(PSID account) const {
    if (::IsWellKnownSid(account, WinLocalSystemSid)) return true;
    if (::IsWellKnownSid(account, WinBuiltinAdministratorsSid)) return true;
    // Whoever makes a file in the folder, or owns it: one of these, then.
    if (::IsWellKnownSid(account, WinCreatorOwnerSid)) return true;
    if (::IsWellKnownSid(account, WinCreatorOwnerRightsSid)) return true;
    if (installer_ != nullptr && ::EqualSid(account, installer_)) return true;
    return !user_.empty() &&
           ::EqualSid(account, reinterpret_cast<const TOKEN_USER*>(user_.data())->User.Sid);
  }

  // No list at all is a list for everybody; entries of rarer kinds are not read and not trusted.
  bool hold_alone(DWORD rights, ACL* list) const {
    if (list == nullptr) return false;
    for (DWORD i = 0; i < list->AceCount; ++i) {
      void* found = nullptr;
      if (!::GetAce(list, i, &found)) return false;
      auto* entry = static_cast<ACCESS_ALLOWED_ACE*>(found);
      if (entry->Header.AceType == ACCESS_DENIED_ACE_TYPE) continue;
      if (entry->Header.AceType != ACCESS_ALLOWED_ACE_TYPE) return false;
      // For what will be made in the folder only: of no use to move the folder itself.
      const bool later = (entry->Header.AceFlags & INHERIT_ONLY_ACE) != 0;
      if (later && (rights & ~kMoveRights) == 0) continue;
      if ((entry->Mask & rights) != 0 && !contains(&entry->SidStart)) return false;
    }
    return true;
  }

 private:
  PSID installer_ = nullptr;
  std::vector<unsigned char> user_;
};

}  // namespace

bool is_for_administrators(const std::filesystem::path& path, DWORD rights, bool or_this_user) {
  // One handle for all questions: what a name leads to can change from one to the next.
  const HANDLE file =
      ::CreateFileW(path.c_str(), READ_CONTROL | FILE_READ_ATTRIBUTES,
                    FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, nullptr, OPEN_EXISTING,
                    FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT, nullptr);
  if (file == INVALID_HANDLE_VALUE) return false;
  BY_HANDLE_FILE_INFORMATION information{};
  const bool is_link = ::GetFileInformationByHandle(file, &information) == 0 ||
                       (information.dwFileAttributes & FILE_ATTRIBUTE_REPARSE_POINT) != 0;
  const bool result = !is_link && is_for_administrators(file, rights, or_this_user);
  ::CloseHandle(file);
  return result;
}

bool is_for_administrators(HANDLE file, DWORD rights, bool or_this_user) {
  PSID owner = nullptr;
  ACL* list = nullptr;
  PSECURITY_DESCRIPTOR descriptor = nullptr;
  const bool known =
      ::GetSecurityInfo(file, SE_FILE_OBJECT,
                        OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION, &owner, nullptr,
                        &list, nullptr, &descriptor) == ERROR_SUCCESS;
  const Trusted trusted(or_this_user);
  const bool result = known && trusted.contains(owner) && trusted.hold_alone(rights, list);
  ::LocalFree(descriptor);
  return result;
}

}  // namespace blockwatch
