#pragma once
// The tables of the trail: what is inside a transaction of the audit store.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "storage/audit_chain_internal.h"
#include "storage/audit_store.h"
#include "storage/sqlite_internal.h"

namespace blockwatch {

// Of one connection; each call inside a transaction of it. Throws SQLite::Exception. What the
// functions do is said in audit_store.h.
class AuditTrail {
 public:
  // `keep`: how many changes, and how many backups.
  AuditTrail(SqlConnection& connection, std::int64_t keep)
      : connection_(connection), chain_(connection), keep_(keep) {}

  // Makes the tables, or brings those of an older version up to date, in a transaction of its own.
  Result<void> migrate();

  // These return the id.
  std::int64_t insert(const AuditBackupRecord& backup);
  std::int64_t insert(const AuditChangeRecord& change);
  std::int64_t insert(AuditRefusal& refusal);
  std::int64_t finish(const AuditChangeRecord& change, AuditState state, const std::string& error,
                      const std::string& policy);
  // Changes and backups beyond the bound.
  void forget_oldest();

  std::string last_policy();
  void set_last_policy(const std::string& policy);

  // `condition`: the rest of the statement; ?1 and ?2 in it are those of the query.
  std::vector<AuditChangeRecord> select_changes(std::string_view condition,
                                                const AuditListQuery& query = {});
  std::vector<AuditBackupRecord> select_backups(std::string_view condition,
                                                const AuditListQuery& query);
  std::vector<AuditRefusal> select_refusals(std::string_view condition,
                                            const AuditListQuery& query);

  AuditChainReport check_chain();
  std::string chain_head() { return chain_.head(); }

 private:
  AuditChangeRecord change_at(const SqlStatement& row);
  void seal_what_is_there();
  std::string fault_of_changes();
  std::string fault_of_backups();
  void end_earlier_reverts(const AuditChangeRecord& change);

  SqlConnection& connection_;
  AuditChain chain_;
  const std::int64_t keep_;
};

}  // namespace blockwatch
