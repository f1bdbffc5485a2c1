#include "server/audit_policy_file.h"

#include <array>
#include <fstream>
#include <iterator>
#include <utility>

#include "monitor/audit_csv.h"
#include "server/secret_file.h"
#include "storage/file_path.h"

namespace blockwatch {
namespace {

// Stands in the first column of a new file; auditpol does not look at it.
constexpr std::string_view kMachine = "localhost";

AuditPolicy nothing_audited() {
  AuditPolicy policy;
  policy.fill(AuditFlags{});
  return policy;
}

class FileAuditPolicy final : public AuditPolicySource {
 public:
  explicit FileAuditPolicy(std::filesystem::path path) : path_(std::move(path)) {}

  std::string_view kind() const override { return "file"; }

  Result<AuditPolicy> read() override {
    auto csv = load();
    if (!csv) return tl::unexpected(csv.error());
    AuditPolicy policy = csv->policy();
    for (auto& flags : policy) flags = flags.value_or(AuditFlags{});
    return policy;
  }

  Result<void> set(std::span<const AuditSetting> settings) override {
    auto csv = load();
    if (!csv) return tl::unexpected(csv.error());
    for (const AuditSetting& setting : settings) csv->set(setting.id, setting.flags);
    auto written = replace_secret_file(path_, csv->bytes());
    if (!written && written.error().code == ErrorCode::kPermission) {
      return make_error(ErrorCode::kPermission,
                        "The program may not write the file of the audit policy.");
    }
    return written;
  }

  std::optional<std::string> conflict(std::span<const AuditSetting> /*settings*/) override {
    return std::nullopt;
  }

  std::optional<SecurityLog> security_log() override { return std::nullopt; }

 private:
  Result<AuditCsv> load() const {
    std::error_code error;
    const auto status = std::filesystem::status(path_, error);
    if (status.type() == std::filesystem::file_type::not_found) {
      return AuditCsv::make(kMachine, nothing_audited());
    }
    if (!std::filesystem::is_regular_file(status)) {
      return make_error(ErrorCode::kIo, path_.string() + ": is not a plain file");
    }
    std::ifstream file(path_, std::ios::binary);
    std::string bytes;
    if (file && std::filesystem::file_size(path_, error) <= kMaxAuditCsvBytes) {
      bytes.assign(std::istreambuf_iterator<char>(file), {});
    } else if (file) {
      return make_error(ErrorCode::kCorrupt, "the audit policy file is larger than 1 MiB");
    }
    if (!file || file.bad()) return make_error(ErrorCode::kIo, path_.string() + ": cannot be read");
    return AuditCsv::parse(bytes);
  }

  const std::filesystem::path path_;
};

}  // namespace

std::unique_ptr<AuditPolicySource> make_file_audit_policy(std::filesystem::path path) {
  return std::make_unique<FileAuditPolicy>(std::move(path));
}

namespace {

// The file that stands for the policy; empty where the system has its own.
std::filesystem::path policy_file(const std::string& policy_path, const std::string& db_path) {
  if (!policy_path.empty()) return to_path(policy_path);
  if (system_audit_policy()) return {};
  return to_path(db_path).parent_path() / "audit-policy.csv";
}

}  // namespace

std::unique_ptr<AuditPolicySource> open_audit_policy(const std::string& policy_path,
                                                     const std::string& db_path) {
  auto file = policy_file(policy_path, db_path);
  return file.empty() ? system_audit_policy() : make_file_audit_policy(std::move(file));
}

Result<void> start_audit_policy(const std::string& policy_path, const std::string& db_path) {
  constexpr AuditFlags kFailures{.failure = true};
  const auto file = policy_file(policy_path, db_path);
  std::error_code error;
  if (file.empty() || std::filesystem::exists(file, error) || error) return {};
  return make_file_audit_policy(file)->set(std::array{AuditSetting{kAuditConnection, kFailures},
                                                      AuditSetting{kAuditPacketDrop, kFailures}});
}

}  // namespace blockwatch
