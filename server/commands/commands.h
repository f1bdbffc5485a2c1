#pragma once
// What each command of blockwatchd does. Each prints for people (or pipes) and returns the exit
// code.

#include <functional>
#include <string>

#include "server/config.h"
#include "server/daemon.h"

namespace blockwatch {

// The whole program; arguments are UTF-8, without the program's name.
int run_program(const std::vector<std::string>& arguments);

int run_serve(const ServeConfig& config);
int run_backup(const BackupConfig& config);
int run_import(const ImportConfig& config);
int run_query(const QueryConfig& config);
int run_token(const TokenConfig& config);
int run_open(const OpenConfig& config);
int run_service(const ServiceConfig& config);
int run_audit(const AuditConfig& config);
int run_self_test(const SelfTestConfig& config);
int run_firewall_log(const FirewallLogConfig& config);
int run_routes();

// What serve and the service have in common: serves from `started` until `wait_for_stop` returns,
// then stores what is queued. The exit code; an error: it could not start.
Result<int> serve_until(const ServeConfig& config,
                        const std::function<void(const Daemon&)>& started,
                        const std::function<void()>& wait_for_stop);

// "blockwatchd: MESSAGE" on stderr; the exit code for the error.
int report_error(const Error& error);

// Whether a write to standard output failed because its reader (head) has had enough and closed the
// pipe: that is no failure.
bool is_reader_gone(int error_number);

}  // namespace blockwatch
