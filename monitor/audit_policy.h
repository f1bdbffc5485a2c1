#pragma once
// What Windows is told to audit: the table of subcategories, and the interface to read and change
// them. Nothing here calls the system.

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/security_log.h"
#include "storage/result.h"

namespace blockwatch {

struct AuditFlags {
  bool success = false;
  bool failure = false;
  friend bool operator==(const AuditFlags&, const AuditFlags&) = default;
};

inline constexpr std::size_t kAuditSubcategories = 59;

// Index of a subcategory: the GUIDs are {0CCE9210...} to {0CCE924A...}, without a hole.
using AuditId = std::uint8_t;
constexpr std::uint8_t kFirstAuditGuidByte = 0x10;
inline constexpr AuditId kAuditPacketDrop = 0x25 - kFirstAuditGuidByte;
inline constexpr AuditId kAuditConnection = 0x26 - kFirstAuditGuidByte;

struct AuditSubcategory {
  AuditId id = 0;
  std::string_view name;      // as English auditpol writes it
  std::string_view category;  // the same
};

// In the order of auditpol: by category, then as Windows lists them.
std::span<const AuditSubcategory> audit_subcategories();
const AuditSubcategory& audit_subcategory(AuditId id);  // requires id < kAuditSubcategories

std::string audit_guid(AuditId id);         // "{0CCE9226-69AE-11D9-BED3-505054503030}"
const std::string& audit_slug(AuditId id);  // "filtering-platform-connection"
std::optional<AuditId> find_audit_guid(std::string_view text);  // any case, with or without braces
std::optional<AuditId> find_audit_subcategory(std::string_view guid_or_slug);  // any case

// By AuditId. Nothing: the system does not know this subcategory (older than it).
using AuditPolicy = std::array<std::optional<AuditFlags>, kAuditSubcategories>;

// How a source asks what is audited at present.
using AuditPolicyFn = std::function<Result<AuditPolicy>()>;

// One digit per subcategory by id: success 1, failure 2, both 3, neither 0, unknown '-'. Equal
// texts are equal policies.
std::string to_digits(const AuditPolicy& policy);
std::optional<AuditPolicy> parse_digits(std::string_view digits);

struct AuditSetting {
  AuditId id = 0;
  AuditFlags flags;
  friend bool operator==(const AuditSetting&, const AuditSetting&) = default;
};

// One policy, the system's or a file's. One thread at a time.
class AuditPolicySource {
 public:
  virtual ~AuditPolicySource() = default;

  // "windows", or "file"; for the contract.
  virtual std::string_view kind() const = 0;

  // The whole policy. Costs a small file or a system call: a live source can ask before each batch.
  // kPermission; kCorrupt with the places.
  virtual Result<AuditPolicy> read() = 0;

  // All settings or none. kPermission: the right is missing; kInvalidArgument: the system does not
  // know one of them; kIo.
  virtual Result<void> set(std::span<const AuditSetting> settings) = 0;

  // Why a change made here would not last (another authority sets the policy); nothing: it will,
  // as far as can be known.
  virtual std::optional<std::string> conflict(std::span<const AuditSetting> settings) = 0;

  // Nothing where there is no such log or it cannot be seen.
  virtual std::optional<SecurityLog> security_log() = 0;
};

// The policy of this system; null where it has none (then a file stands for it).
std::unique_ptr<AuditPolicySource> system_audit_policy();

}  // namespace blockwatch
