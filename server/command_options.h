#pragma once
// Options that several commands share, and the commands with options of their own.

#include <string>

#include "server/config.h"

namespace CLI {
class App;
}

namespace blockwatch {

void add_db(CLI::App& app, std::string& path);
void add_audit_policy(CLI::App& app, std::string& path);

// `blockwatchd audit VERB`, `self-test` and `firewall-log VERB`; `config` gets what is parsed.
CLI::App* add_audit(CLI::App& app, AuditConfig& config);
CLI::App* add_self_test(CLI::App& app, SelfTestConfig& config);
CLI::App* add_firewall_log(CLI::App& app, FirewallLogConfig& config);

}  // namespace blockwatch
