#pragma once
// The self-test's judgements: facts in, a line out. Nothing here asks the system.

#include <optional>
#include <string>
#include <vector>

#include "monitor/audit_policy.h"
#include "monitor/block_attempt.h"
#include "monitor/eventlog_api.h"
#include "monitor/host_facts.h"
#include "monitor/netevent_api.h"
#include "monitor/security_log.h"
#include "server/self_test/recent_events.h"
#include "server/self_test/report.h"

namespace blockwatch {

Check check_rights(const HostFacts& facts, const std::string& user);
Check check_channel(const LogResult<LogInfo>& info);
Check check_log_size(const std::optional<SecurityLog>& log);
Check check_policy(const Result<AuditPolicy>& policy, std::string_view kind,
                   const std::optional<std::string>& conflict);
Check check_shapes(const RecentEvents& recent);
// Is Source this computer, or Dest?
Check check_orientation(const RecentEvents& recent, const std::vector<IpAddress>& own);
Check check_filter_names(const RecentEvents& recent, const std::string& fault);
Check check_net_events(const EngineResult<bool>& collecting, const std::vector<NetEvent>& held);
// Of packets that Linux' firewall drops.
Check check_senders(const Result<void>& watched);
Check check_attempt(const BlockAttempt& attempt);

}  // namespace blockwatch
