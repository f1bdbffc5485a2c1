// Stands where advapi32.dll stands, in the system32 of a Wine prefix of its own: the audit policy
// as a text file of the test, in FAKE_AUDIT_POLICY; every other function is Wine's
// (make_exports.py). Exported is what make_exports.py lists. The file is read anew by each call,
// and written by what changes the policy:
//
//   {0CCE9226-69AE-11D9-BED3-505054503030} 2   a subcategory and its flags; one without a line is
//                                              not known to this Windows
//   fail query 5                               every call of query, set or write fails so
//   locked                                     a group policy wins: what is set does not last
//   lacks_privilege                            the account does not hold SeSecurityPrivilege
//
// Its awkward sides, with their sources:
//
// - without SeSecurityPrivilege *enabled* in the token: ERROR_ACCESS_DENIED (5) (sdk-api,
//   ntsecapi/nf-ntsecapi-auditsetsystempolicy.md and ...auditquerysystempolicy.md)
// - AdjustTokenPrivileges is TRUE with ERROR_NOT_ALL_ASSIGNED (1300) when the account does not hold
//   it (sdk-api, securitybaseapi/nf-securitybaseapi-adjusttokenprivileges.md)
// - no list, an empty one or a subcategory that is not known: ERROR_INVALID_PARAMETER (87) (the
//   first two pages)
// - flags 0 leave a subcategory as it is; 4 switches it off (sdk-api,
//   ntsecapi/ns-ntsecapi-audit_policy_information.md)

#include <windows.h>
// After windows.h.
#include <ntsecapi.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <string>

namespace {

constexpr DWORD kSecurityPrivilege = 8;  // the LUID of SeSecurityPrivilege (SE_SECURITY_PRIVILEGE)
constexpr ULONG kSuccessAndFailure = POLICY_AUDIT_EVENT_SUCCESS | POLICY_AUDIT_EVENT_FAILURE;

std::string text_of(const GUID& id) {
  std::array<char, 40> text{};
  std::snprintf(text.data(), text.size(), "{%08lX-%04X-%04X-%02X%02X-%02X%02X%02X%02X%02X%02X}",
                id.Data1, id.Data2, id.Data3, id.Data4[0], id.Data4[1], id.Data4[2], id.Data4[3],
                id.Data4[4], id.Data4[5], id.Data4[6], id.Data4[7]);
  return text.data();
}

struct Policy {
  std::map<std::string, ULONG> flags;  // by subcategory
  std::map<std::string, DWORD> failures;
  bool locked = false;
  bool lacks_privilege = false;
};

const char* policy_path() { return std::getenv("FAKE_AUDIT_POLICY"); }

Policy read_policy() {
  Policy policy;
  const char* const path = policy_path();
  std::ifstream file(path == nullptr ? "" : path);
  for (std::string word; file >> word;) {
    if (word == "fail") {
      std::string function;
      file >> function >> policy.failures[function];
    } else if (word == "locked") {
      policy.locked = true;
    } else if (word == "lacks_privilege") {
      policy.lacks_privilege = true;
    } else {
      file >> policy.flags[word];
    }
  }
  return policy;
}

void write_policy(const Policy& policy) {
  std::ofstream file(policy_path(), std::ios::trunc);
  for (const auto& [function, code] : policy.failures) {
    file << "fail " << function << ' ' << code << '\n';
  }
  for (const auto& [id, flags] : policy.flags) file << id << ' ' << flags << '\n';
}

// Functions that are not ours, from where Wine's advapi32.dll has them: importing them would be
// importing from ourselves.
template <class Function>
Function* wines(const char* name) {
  return reinterpret_cast<Function*>(
      reinterpret_cast<void*>(GetProcAddress(GetModuleHandleW(L"kernelbase.dll"), name)));
}

bool has_privilege_enabled() {
  HANDLE token = nullptr;
  if (!wines<decltype(OpenProcessToken)>("OpenProcessToken")(GetCurrentProcess(), TOKEN_QUERY,
                                                             &token)) {
    return false;
  }
  PRIVILEGE_SET wanted{};
  wanted.PrivilegeCount = 1;
  wanted.Control = PRIVILEGE_SET_ALL_NECESSARY;
  wanted.Privilege[0].Luid.LowPart = kSecurityPrivilege;
  BOOL enabled = FALSE;
  wines<decltype(PrivilegeCheck)>("PrivilegeCheck")(token, &wanted, &enabled);
  CloseHandle(token);
  return enabled != FALSE;
}

// 0, or the error that the call has to end with.
DWORD error_of(const Policy& policy, const std::string& function) {
  if (policy_path() == nullptr) return ERROR_CALL_NOT_IMPLEMENTED;  // as Wine's own
  const auto planned = policy.failures.find(function);
  if (planned != policy.failures.end()) return planned->second;
  return has_privilege_enabled() ? ERROR_SUCCESS : ERROR_ACCESS_DENIED;
}

BOOLEAN end(DWORD error) {
  SetLastError(error);
  return error == ERROR_SUCCESS ? TRUE : FALSE;
}

}  // namespace

extern "C" BOOLEAN NTAPI AuditQuerySystemPolicy(const GUID* ids, ULONG count,
                                                PAUDIT_POLICY_INFORMATION* out) {
  const Policy policy = read_policy();
  if (const DWORD error = error_of(policy, "query")) return end(error);
  if (ids == nullptr || count == 0 || out == nullptr) return end(ERROR_INVALID_PARAMETER);
  auto* const found = static_cast<AUDIT_POLICY_INFORMATION*>(std::calloc(count, sizeof **out));
  for (ULONG i = 0; i < count; ++i) {
    const auto it = policy.flags.find(text_of(ids[i]));
    if (it == policy.flags.end()) {
      std::free(found);
      return end(ERROR_INVALID_PARAMETER);
    }
    found[i].AuditSubCategoryGuid = ids[i];
    found[i].AuditingInformation = it->second;
  }
  *out = found;
  return end(ERROR_SUCCESS);
}

extern "C" BOOLEAN NTAPI AuditSetSystemPolicy(PCAUDIT_POLICY_INFORMATION settings, ULONG count) {
  Policy policy = read_policy();
  if (const DWORD error = error_of(policy, "set")) return end(error);
  if (settings == nullptr || count == 0) return end(ERROR_INVALID_PARAMETER);
  for (ULONG i = 0; i < count; ++i) {
    const ULONG flags = settings[i].AuditingInformation;
    const auto it = policy.flags.find(text_of(settings[i].AuditSubCategoryGuid));
    if (it == policy.flags.end() || flags > POLICY_AUDIT_EVENT_NONE) {
      return end(ERROR_INVALID_PARAMETER);
    }
    if (flags != POLICY_AUDIT_EVENT_UNCHANGED) it->second = flags & kSuccessAndFailure;
  }
  if (!policy.locked) write_policy(policy);
  return end(ERROR_SUCCESS);
}

extern "C" VOID NTAPI AuditFree(PVOID memory) { std::free(memory); }

extern "C" BOOL WINAPI AdjustTokenPrivileges(HANDLE token, BOOL disable_all,
                                             PTOKEN_PRIVILEGES wanted, DWORD size,
                                             PTOKEN_PRIVILEGES before, PDWORD needed) {
  if (read_policy().lacks_privilege) {
    if (before != nullptr) before->PrivilegeCount = 0;
    SetLastError(ERROR_NOT_ALL_ASSIGNED);
    return TRUE;
  }
  return wines<decltype(AdjustTokenPrivileges)>("AdjustTokenPrivileges")(token, disable_all, wanted,
                                                                         size, before, needed);
}
