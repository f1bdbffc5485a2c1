// The audit functions of System32's advapi32.dll. Only conversions here: decisions are in
// monitor/audit_policy_api.cpp.

#include <windows.h>
// After windows.h.
#include <ntsecapi.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "monitor/audit_csv.h"
#include "monitor/audit_policy_api.h"

namespace blockwatch {
namespace {

static_assert(sizeof(WindowsGuid) == sizeof(GUID));
static_assert(sizeof(WindowsAuditInformation) == sizeof(AUDIT_POLICY_INFORMATION));
static_assert(offsetof(WindowsAuditInformation, auditing) ==
              offsetof(AUDIT_POLICY_INFORMATION, AuditingInformation));

using QueryFunction = BOOLEAN(NTAPI*)(const GUID*, ULONG, PAUDIT_POLICY_INFORMATION*);
using SetFunction = BOOLEAN(NTAPI*)(const AUDIT_POLICY_INFORMATION*, ULONG);
using FreeFunction = VOID(NTAPI*)(PVOID);

template <class Function>
Function find(HMODULE library, const char* name) {
  // Through void*: the two function types have nothing in common.
  return reinterpret_cast<Function>(reinterpret_cast<void*>(GetProcAddress(library, name)));
}

std::uint32_t set_security_privilege(bool enable, bool& was_enabled) {
  HANDLE token = nullptr;
  if (OpenProcessToken(GetCurrentProcess(), TOKEN_ADJUST_PRIVILEGES | TOKEN_QUERY, &token) == 0) {
    return GetLastError();
  }
  TOKEN_PRIVILEGES wanted{};
  TOKEN_PRIVILEGES before{};
  DWORD size = sizeof(before);
  wanted.PrivilegeCount = 1;
  wanted.Privileges[0].Attributes = enable ? SE_PRIVILEGE_ENABLED : 0;
  // TRUE with ERROR_NOT_ALL_ASSIGNED is how it says that the account lacks the privilege.
  std::uint32_t error = 0;
  if (LookupPrivilegeValueW(nullptr, L"SeSecurityPrivilege", &wanted.Privileges[0].Luid) == 0 ||
      AdjustTokenPrivileges(token, FALSE, &wanted, size, &before, &size) == 0 ||
      GetLastError() == ERROR_NOT_ALL_ASSIGNED) {
    error = GetLastError();
  }
  CloseHandle(token);
  // Only what was changed is told: nothing means that it was as wanted.
  was_enabled = before.PrivilegeCount == 0
                    ? enable
                    : (before.Privileges[0].Attributes & SE_PRIVILEGE_ENABLED) != 0;
  return error;
}

std::optional<std::uint32_t> registry_number(const wchar_t* key, const wchar_t* name) {
  DWORD value = 0;
  DWORD size = sizeof(value);
  const LSTATUS status =
      RegGetValueW(HKEY_LOCAL_MACHINE, key, name, RRF_RT_REG_DWORD, nullptr, &value, &size);
  return status == ERROR_SUCCESS ? std::optional<std::uint32_t>(value) : std::nullopt;
}

std::optional<std::string> group_policy() {
  std::array<wchar_t, MAX_PATH> folder{};
  if (GetSystemWindowsDirectoryW(folder.data(), MAX_PATH) == 0) return std::nullopt;
  const auto path = std::filesystem::path(folder.data()) / "security" / "audit" / "audit.csv";
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  std::ifstream file(path, std::ios::binary);
  if (error || size > kMaxAuditCsvBytes || !file) return std::nullopt;
  return std::string(std::istreambuf_iterator<char>(file), {});
}

}  // namespace

std::unique_ptr<AuditPolicySource> system_audit_policy() {
  AuditApi api;
  // It stays loaded: the table is used until the program ends.
  if (HMODULE library = LoadLibraryExW(L"advapi32.dll", nullptr, LOAD_LIBRARY_SEARCH_SYSTEM32)) {
    const auto query = find<QueryFunction>(library, "AuditQuerySystemPolicy");
    const auto set = find<SetFunction>(library, "AuditSetSystemPolicy");
    const auto free = find<FreeFunction>(library, "AuditFree");
    if (query != nullptr && set != nullptr && free != nullptr) {
      api.query = [query](const WindowsGuid* ids, std::uint32_t count,
                          WindowsAuditInformation** out) {
        return query(reinterpret_cast<const GUID*>(ids), count,
                     reinterpret_cast<PAUDIT_POLICY_INFORMATION*>(out)) != FALSE;
      };
      api.set = [set](const WindowsAuditInformation* settings, std::uint32_t count) {
        return set(reinterpret_cast<const AUDIT_POLICY_INFORMATION*>(settings), count) != FALSE;
      };
      api.free = [free](void* memory) { free(memory); };
    }
  }
  api.last_error = [] { return static_cast<std::uint32_t>(GetLastError()); };
  api.set_privilege = set_security_privilege;
  api.no_legacy_policy = [] {
    return registry_number(L"SYSTEM\\CurrentControlSet\\Control\\Lsa",
                           L"SCENoApplyLegacyAuditPolicy");
  };
  api.group_policy = group_policy;
  api.security_log = system_security_log();
  return make_api_audit_policy(std::move(api));
}

}  // namespace blockwatch
