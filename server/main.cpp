#include <cerrno>
#include <cstdio>
#include <iostream>
#include <string>
#include <variant>
#include <vector>

#include "server/commands/commands.h"
#include "server/terminal.h"

namespace blockwatch {
namespace {

// A full disk behind `>` must not pass for success.
int with_all_written(int exit_code) {
  const bool written = std::cout.flush() && std::fflush(stdout) == 0 && std::ferror(stdout) == 0;
  if (written || is_reader_gone(errno)) return exit_code;
  std::cerr << "blockwatchd: standard output cannot be written to\n";
  return exit_code == kExitSuccess ? kExitFailure : exit_code;
}

struct Runner {
  int operator()(const ServeConfig& config) const { return run_serve(config); }
  int operator()(const BackupConfig& config) const { return run_backup(config); }
  int operator()(const ImportConfig& config) const { return run_import(config); }
  int operator()(const QueryConfig& config) const { return run_query(config); }
  int operator()(const TokenConfig& config) const { return run_token(config); }
  int operator()(const OpenConfig& config) const { return run_open(config); }
  int operator()(const ServiceConfig& config) const { return run_service(config); }
  int operator()(const AuditConfig& config) const { return run_audit(config); }
  int operator()(const SelfTestConfig& config) const { return run_self_test(config); }
  int operator()(const FirewallLogConfig& config) const { return run_firewall_log(config); }
  int operator()(const RoutesConfig&) const { return run_routes(); }
  int operator()(int exit_code) const { return exit_code; }
  int operator()(const CommandConfig& command) const {
    const int exit_code = std::visit(*this, command);
    // What a server prints at its start is for whoever is there.
    const bool serves = std::holds_alternative<ServeConfig>(command) ||
                        std::holds_alternative<ServiceConfig>(command);
    return serves ? exit_code : with_all_written(exit_code);
  }
};

}  // namespace

int run_program(const std::vector<std::string>& arguments) {
  prepare_output();
  return std::visit(Runner{}, parse_command_line(arguments));
}

}  // namespace blockwatch
