#include "monitor/audit_policy.h"

#include <algorithm>
#include <charconv>

namespace blockwatch {
namespace {

constexpr std::string_view kGuidBegin = "0CCE92";
constexpr std::string_view kGuidEnd = "-69AE-11D9-BED3-505054503030";
constexpr std::string_view kHex = "0123456789ABCDEF";

constexpr std::string_view kSystem = "System";
constexpr std::string_view kLogon = "Logon/Logoff";
constexpr std::string_view kObjectAccess = "Object Access";
constexpr std::string_view kPrivilegeUse = "Privilege Use";
constexpr std::string_view kDetailedTracking = "Detailed Tracking";
constexpr std::string_view kPolicyChange = "Policy Change";
constexpr std::string_view kAccountManagement = "Account Management";
constexpr std::string_view kDsAccess = "DS Access";
constexpr std::string_view kAccountLogon = "Account Logon";

constexpr AuditSubcategory row(std::uint8_t guid_byte, std::string_view name,
                               std::string_view category) {
  return {static_cast<AuditId>(guid_byte - kFirstAuditGuidByte), name, category};
}

// Numbers: win32/desktop-src/SecAuthZ/auditing-constants.md (up to 43) and ntsecapi.h of Windows
// 10; names: `auditpol /list /subcategory:*`.
constexpr std::array<AuditSubcategory, kAuditSubcategories> kTable{{
    row(0x10, "Security State Change", kSystem),
    row(0x11, "Security System Extension", kSystem),
    row(0x12, "System Integrity", kSystem),
    row(0x13, "IPsec Driver", kSystem),
    row(0x14, "Other System Events", kSystem),
    row(0x15, "Logon", kLogon),
    row(0x16, "Logoff", kLogon),
    row(0x17, "Account Lockout", kLogon),
    row(0x18, "IPsec Main Mode", kLogon),
    row(0x19, "IPsec Quick Mode", kLogon),
    row(0x1A, "IPsec Extended Mode", kLogon),
    row(0x1B, "Special Logon", kLogon),
    row(0x1C, "Other Logon/Logoff Events", kLogon),
    row(0x43, "Network Policy Server", kLogon),
    row(0x47, "User / Device Claims", kLogon),
    row(0x49, "Group Membership", kLogon),
    row(0x1D, "File System", kObjectAccess),
    row(0x1E, "Registry", kObjectAccess),
    row(0x1F, "Kernel Object", kObjectAccess),
    row(0x20, "SAM", kObjectAccess),
    row(0x21, "Certification Services", kObjectAccess),
    row(0x22, "Application Generated", kObjectAccess),
    row(0x23, "Handle Manipulation", kObjectAccess),
    row(0x24, "File Share", kObjectAccess),
    row(0x25, "Filtering Platform Packet Drop", kObjectAccess),
    row(0x26, "Filtering Platform Connection", kObjectAccess),
    row(0x27, "Other Object Access Events", kObjectAccess),
    row(0x44, "Detailed File Share", kObjectAccess),
    row(0x45, "Removable Storage", kObjectAccess),
    row(0x46, "Central Policy Staging", kObjectAccess),
    row(0x28, "Sensitive Privilege Use", kPrivilegeUse),
    row(0x29, "Non Sensitive Privilege Use", kPrivilegeUse),
    row(0x2A, "Other Privilege Use Events", kPrivilegeUse),
    row(0x2B, "Process Creation", kDetailedTracking),
    row(0x2C, "Process Termination", kDetailedTracking),
    row(0x2D, "DPAPI Activity", kDetailedTracking),
    row(0x2E, "RPC Events", kDetailedTracking),
    row(0x48, "Plug and Play Events", kDetailedTracking),
    row(0x4A, "Token Right Adjusted Events", kDetailedTracking),
    row(0x2F, "Audit Policy Change", kPolicyChange),
    row(0x30, "Authentication Policy Change", kPolicyChange),
    row(0x31, "Authorization Policy Change", kPolicyChange),
    row(0x32, "MPSSVC Rule-Level Policy Change", kPolicyChange),
    row(0x33, "Filtering Platform Policy Change", kPolicyChange),
    row(0x34, "Other Policy Change Events", kPolicyChange),
    row(0x35, "User Account Management", kAccountManagement),
    row(0x36, "Computer Account Management", kAccountManagement),
    row(0x37, "Security Group Management", kAccountManagement),
    row(0x38, "Distribution Group Management", kAccountManagement),
    row(0x39, "Application Group Management", kAccountManagement),
    row(0x3A, "Other Account Management Events", kAccountManagement),
    row(0x3B, "Directory Service Access", kDsAccess),
    row(0x3C, "Directory Service Changes", kDsAccess),
    row(0x3D, "Directory Service Replication", kDsAccess),
    row(0x3E, "Detailed Directory Service Replication", kDsAccess),
    row(0x3F, "Credential Validation", kAccountLogon),
    row(0x40, "Kerberos Service Ticket Operations", kAccountLogon),
    row(0x41, "Other Account Logon Events", kAccountLogon),
    row(0x42, "Kerberos Authentication Service", kAccountLogon),
}};

char to_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool equal_without_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, to_lower, to_lower);
}

// Letters and digits in lower case, everything between them one '-'.
std::string to_slug(std::string_view name) {
  std::string slug;
  for (const char c : name) {
    const char low = to_lower(c);
    if ((low >= 'a' && low <= 'z') || (low >= '0' && low <= '9')) {
      slug += low;
    } else if (!slug.empty() && slug.back() != '-') {
      slug += '-';
    }
  }
  return slug;
}

struct Names {
  std::array<const AuditSubcategory*, kAuditSubcategories> rows{};
  std::array<std::string, kAuditSubcategories> slugs;
};

const Names& names() {
  static const Names kNames = [] {
    Names all;
    for (const AuditSubcategory& row : kTable) {
      all.rows.at(row.id) = &row;
      all.slugs.at(row.id) = to_slug(row.name);
    }
    return all;
  }();
  return kNames;
}

}  // namespace

std::span<const AuditSubcategory> audit_subcategories() { return kTable; }

const AuditSubcategory& audit_subcategory(AuditId id) { return *names().rows.at(id); }

std::string audit_guid(AuditId id) {
  const auto byte = static_cast<std::size_t>(id + kFirstAuditGuidByte);
  return "{" + std::string(kGuidBegin) + kHex[byte / 16] + kHex[byte % 16] + std::string(kGuidEnd) +
         "}";
}

const std::string& audit_slug(AuditId id) { return names().slugs.at(id); }

std::optional<AuditId> find_audit_guid(std::string_view text) {
  if (text.size() > 2 && text.front() == '{' && text.back() == '}') {
    text = text.substr(1, text.size() - 2);
  }
  const std::size_t at = kGuidBegin.size();  // of the two digits that differ
  if (text.size() != at + 2 + kGuidEnd.size() ||
      !equal_without_case(text.substr(0, at), kGuidBegin) ||
      !equal_without_case(text.substr(at + 2), kGuidEnd)) {
    return std::nullopt;
  }
  unsigned byte = 0;
  const auto read = std::from_chars(text.data() + at, text.data() + at + 2, byte, 16);
  const bool known = read.ptr == text.data() + at + 2 && byte >= kFirstAuditGuidByte &&
                     byte < kFirstAuditGuidByte + kAuditSubcategories;
  return known ? std::optional(static_cast<AuditId>(byte - kFirstAuditGuidByte)) : std::nullopt;
}

std::optional<AuditId> find_audit_subcategory(std::string_view guid_or_slug) {
  for (const AuditSubcategory& row : kTable) {
    if (equal_without_case(guid_or_slug, audit_slug(row.id))) return row.id;
  }
  return find_audit_guid(guid_or_slug);
}

std::string to_digits(const AuditPolicy& policy) {
  std::string digits;
  for (const auto& flags : policy) {
    digits +=
        flags ? static_cast<char>('0' + (flags->success ? 1 : 0) + (flags->failure ? 2 : 0)) : '-';
  }
  return digits;
}

std::optional<AuditPolicy> parse_digits(std::string_view digits) {
  AuditPolicy policy;
  if (digits.size() != policy.size()) return std::nullopt;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    const char digit = digits[i];
    if (digit == '-') continue;
    if (digit < '0' || digit > '3') return std::nullopt;
    policy.at(i) = AuditFlags{digit == '1' || digit == '3', digit >= '2'};
  }
  return policy;
}

}  // namespace blockwatch
