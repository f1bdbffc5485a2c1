#pragma once
// The audit policy and its trail in the contract's words; for answers, streams and the command
// line.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "server/audit_keeper.h"
#include "server/log_forecast.h"

namespace blockwatch {

// Objects as text.
std::string audit_policy_json(const AuditView& view, std::string_view source,
                              std::span<const AuditId> ids);
std::string audit_subcategory_json(AuditId id, AuditFlags flags);
// id 0: "planned".
std::string audit_change_json(const AuditChangeRecord& change,
                              const std::optional<LogForecast>& forecast = std::nullopt);
std::string audit_backup_json(const AuditBackupRecord& backup);

// `more`: there are older ones.
std::string audit_changes_json(const std::vector<AuditChangeRecord>& changes, bool more,
                               const AuditChainReport& chain);
std::string audit_refusals_json(const std::vector<AuditRefusal>& refusals, bool more);
std::string audit_backups_json(const std::vector<AuditBackupRecord>& backups, bool more);

// The subcategories of the filtering platform's events, or all that the system knows, in the order
// of auditpol.
std::vector<AuditId> shown_subcategories(const AuditPolicy& policy, bool all);

}  // namespace blockwatch
