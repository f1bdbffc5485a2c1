#include "monitor/audit_policy.h"

namespace blockwatch {

std::unique_ptr<AuditPolicySource> system_audit_policy() { return nullptr; }

}  // namespace blockwatch
