#include "monitor/audit_policy_api.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "monitor/audit_csv.h"

namespace blockwatch {
namespace {

// SeSecurityPrivilege as long as this lives, put back as it was: whoever holds it can also clear
// the log. Without it the call is tried all the same, because the right to the policy can also be
// given by the audit security object.
class Privilege {
 public:
  explicit Privilege(const AuditApi& api)
      : api_(api), error_(api.set_privilege(true, was_enabled_)) {}
  ~Privilege() {
    bool ignored = false;
    if (error_ == 0 && !was_enabled_) api_.set_privilege(false, ignored);
  }
  Privilege(const Privilege&) = delete;
  Privilege& operator=(const Privilege&) = delete;

 private:
  const AuditApi& api_;
  bool was_enabled_ = false;
  const std::uint32_t error_;
};

Error to_error(std::uint32_t code, const std::string& doing) {
  const std::string text = "cannot " + doing + " the audit policy: ";
  switch (code) {
    case kErrorAccessDenied:
    case kErrorPrivilegeNotHeld:
      return {ErrorCode::kPermission,
              text +
                  "the right \"Manage auditing and security log\" is missing; run as an "
                  "administrator or as the service"};
    case kErrorInvalidParameter:
    case kErrorFileNotFound:
      return {ErrorCode::kInvalidArgument, text + "this Windows does not know the subcategory"};
    case kErrorProcNotFound:
      return {ErrorCode::kUnsupported, text + "this Windows has no functions for it"};
    default:
      return {ErrorCode::kIo, text + "Windows error " + std::to_string(code)};
  }
}

// Whether the settings are against what is fixed; without settings: whether those of the filtering
// platform could be.
bool would_change(std::span<const AuditSetting> settings, AuditId id, AuditFlags fixed) {
  if (settings.empty()) return id == kAuditConnection || id == kAuditPacketDrop;
  return std::ranges::any_of(
      settings, [&](const AuditSetting& one) { return one.id == id && one.flags != fixed; });
}

std::uint32_t to_windows(AuditFlags flags) {
  const std::uint32_t bits =
      (flags.success ? kAuditSuccess : 0U) | (flags.failure ? kAuditFailure : 0U);
  return bits == 0 ? kAuditNone : bits;
}

class ApiAuditPolicy final : public AuditPolicySource {
 public:
  explicit ApiAuditPolicy(AuditApi api) : api_(std::move(api)) {}

  std::string_view kind() const override { return "windows"; }

  Result<AuditPolicy> read() override {
    if (!api_.query) return tl::unexpected(to_error(kErrorProcNotFound, "read"));
    const Privilege privilege(api_);
    return query();
  }

  Result<void> set(std::span<const AuditSetting> settings) override {
    if (!api_.query || !api_.set) return tl::unexpected(to_error(kErrorProcNotFound, "change"));
    const Privilege privilege(api_);
    const auto before = query();
    if (!before) return tl::unexpected(before.error());
    std::vector<AuditSetting> undo;
    for (const AuditSetting& setting : settings) {
      const auto& known = before->at(setting.id);
      if (!known) return tl::unexpected(to_error(kErrorInvalidParameter, "change"));
      if (*known != setting.flags) undo.push_back({setting.id, *known});
    }
    const std::uint32_t error = apply(settings);
    if (error == 0) return {};
    // Whether Windows sets all or nothing is not documented.
    if (!undo.empty()) apply(undo);
    return tl::unexpected(to_error(error, "change"));
  }

  std::optional<std::string> conflict(std::span<const AuditSetting> settings) override {
    const auto value = api_.no_legacy_policy ? api_.no_legacy_policy() : std::nullopt;
    if (value == 0U) {
      return "the security option SCENoApplyLegacyAuditPolicy is 0: the audit categories of a "
             "policy overwrite single subcategories";
    }
    const AuditPolicy group_policy = read_group_policy();
    for (const AuditSubcategory& row : audit_subcategories()) {
      const auto& fixed = group_policy.at(row.id);
      if (fixed && would_change(settings, row.id, *fixed)) {
        return "a group policy sets \"" + std::string(row.name) +
               "\" and will do so again (security\\audit\\audit.csv in the Windows folder)";
      }
    }
    return std::nullopt;
  }

  std::optional<SecurityLog> security_log() override {
    if (!api_.security_log.state) return std::nullopt;
    const Privilege privilege(api_);
    return measure_security_log(api_.security_log, now());
  }

 private:
  // What group policies set; a file that cannot be understood proves nothing.
  AuditPolicy read_group_policy() const {
    const auto text = api_.group_policy ? api_.group_policy() : std::nullopt;
    if (!text) return {};
    const auto csv = AuditCsv::parse(*text);
    return csv ? csv->policy() : AuditPolicy{};
  }

  // All subcategories at once; if one is unknown (Windows before 10), each on its own.
  Result<AuditPolicy> query() {
    std::vector<WindowsGuid> all;
    for (std::size_t i = 0; i < kAuditSubcategories; ++i) {
      all.push_back(windows_guid(static_cast<AuditId>(i)));
    }
    AuditPolicy policy;
    std::uint32_t error = query(all, policy);
    if (error != kErrorInvalidParameter && error != kErrorFileNotFound) {
      if (error != 0) return tl::unexpected(to_error(error, "read"));
      return policy;
    }
    bool any = false;
    for (const WindowsGuid& one : all) {
      const std::uint32_t own = query({&one, 1}, policy);
      any = any || own == 0;
      if (own != 0 && own != kErrorInvalidParameter && own != kErrorFileNotFound) error = own;
    }
    if (!any || (error != kErrorInvalidParameter && error != kErrorFileNotFound)) {
      return tl::unexpected(to_error(error, "read"));
    }
    return policy;
  }

  std::uint32_t query(std::span<const WindowsGuid> ids, AuditPolicy& policy) {
    WindowsAuditInformation* found = nullptr;
    if (!api_.query(ids.data(), static_cast<std::uint32_t>(ids.size()), &found)) {
      return api_.last_error();
    }
    if (found == nullptr) return kErrorInvalidParameter;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      // Whether "off" is read as 0 or 4 is not documented: only the two flags count.
      const WindowsAuditInformation& one = found[i];
      const auto id = static_cast<AuditId>((one.subcategory.data1 & 0xFFU) - kFirstAuditGuidByte);
      if (id >= kAuditSubcategories || one.subcategory != windows_guid(id)) continue;
      policy.at(id) =
          AuditFlags{(one.auditing & kAuditSuccess) != 0, (one.auditing & kAuditFailure) != 0};
    }
    api_.free(found);
    return 0;
  }

  std::uint32_t apply(std::span<const AuditSetting> settings) {
    std::vector<WindowsAuditInformation> all;
    for (const AuditSetting& setting : settings) {
      all.push_back({windows_guid(setting.id), to_windows(setting.flags), {}});
    }
    return api_.set(all.data(), static_cast<std::uint32_t>(all.size())) ? 0 : api_.last_error();
  }

  const AuditApi api_;
};

}  // namespace

WindowsGuid windows_guid(AuditId id) {
  // {0CCE92xx-69AE-11D9-BED3-505054503030}
  return {0x0CCE9200U + id + kFirstAuditGuidByte,
          0x69AE,
          0x11D9,
          {0xBE, 0xD3, 0x50, 0x50, 0x54, 0x50, 0x30, 0x30}};
}

std::unique_ptr<AuditPolicySource> make_api_audit_policy(AuditApi api) {
  return std::make_unique<ApiAuditPolicy>(std::move(api));
}

}  // namespace blockwatch
