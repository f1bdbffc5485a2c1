#pragma once
// The audit policy through the functions of advapi32. Which functions these are is a table, so that
// everything decided here can be tested on any system.

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "monitor/audit_policy.h"

namespace blockwatch {

// GUID and AUDIT_POLICY_INFORMATION of ntsecapi.h, byte for byte.
struct WindowsGuid {
  std::uint32_t data1 = 0;
  std::uint16_t data2 = 0;
  std::uint16_t data3 = 0;
  std::array<std::uint8_t, 8> data4{};
  friend bool operator==(const WindowsGuid&, const WindowsGuid&) = default;
};
struct WindowsAuditInformation {
  WindowsGuid subcategory;
  std::uint32_t auditing = 0;
  WindowsGuid category;
};
WindowsGuid windows_guid(AuditId id);

// AuditingInformation of a system policy (ns-ntsecapi-audit_policy_information).
inline constexpr std::uint32_t kAuditSuccess = 1;
inline constexpr std::uint32_t kAuditFailure = 2;
inline constexpr std::uint32_t kAuditNone = 4;  // off; 0 would leave it as it is

// The errors that are told apart (winerror.h).
inline constexpr std::uint32_t kErrorFileNotFound = 2;
inline constexpr std::uint32_t kErrorAccessDenied = 5;
inline constexpr std::uint32_t kErrorInvalidParameter = 87;
inline constexpr std::uint32_t kErrorProcNotFound = 127;
inline constexpr std::uint32_t kErrorNotAllAssigned = 1300;
inline constexpr std::uint32_t kErrorPrivilegeNotHeld = 1314;

// What the shell fills in. query, set and free must be there; each may be called by one thread at a
// time. Errors are told by last_error(), as Windows does.
struct AuditApi {
  std::function<bool(const WindowsGuid* ids, std::uint32_t count, WindowsAuditInformation** out)>
      query;  // AuditQuerySystemPolicy
  std::function<bool(const WindowsAuditInformation* settings, std::uint32_t count)>
      set;                          // AuditSetSystemPolicy
  std::function<void(void*)> free;  // AuditFree
  std::function<std::uint32_t()> last_error;
  // Enables or disables SeSecurityPrivilege in the token; `was_enabled` is how it was before. The
  // result is 0, or the error (1300: the account does not hold it).
  std::function<std::uint32_t(bool enable, bool& was_enabled)> set_privilege;
  // SCENoApplyLegacyAuditPolicy; nothing where it is not set.
  std::function<std::optional<std::uint32_t>()> no_legacy_policy;
  // The audit.csv of all group policies that apply here ([MS-GPAC] 2.2: the form of auditpol's
  // file); nothing: none, or it cannot be read.
  std::function<std::optional<std::string>()> group_policy;
  SecurityLogApi security_log;
};

std::unique_ptr<AuditPolicySource> make_api_audit_policy(AuditApi api);

}  // namespace blockwatch
