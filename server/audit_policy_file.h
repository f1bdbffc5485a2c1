#pragma once
// A file of `auditpol /backup` as the audit policy, where the system has none.

#include <filesystem>
#include <memory>
#include <string>

#include "monitor/audit_policy.h"

namespace blockwatch {

// A missing file means that nothing is audited, and is made with the first change; so does a
// missing row. `path` may be a file that somebody else edits: it is read anew each time.
std::unique_ptr<AuditPolicySource> make_file_audit_policy(std::filesystem::path path);

// The policy of a program with this database (UTF-8 paths): the file, if one is named, else the
// system's, or where it has none audit-policy.csv beside the database.
std::unique_ptr<AuditPolicySource> open_audit_policy(const std::string& policy_path,
                                                     const std::string& db_path);

// Makes the file that would be read there, with blocked connections and dropped packets audited.
// A policy that is there already stays as it is, the system's too.
Result<void> start_audit_policy(const std::string& policy_path, const std::string& db_path);

}  // namespace blockwatch
