#include "server/command_options.h"

#include <CLI/CLI.hpp>

#include "server/firewall_log/plan.h"

namespace blockwatch {
namespace {

void add_on_off(CLI::App& app, const char* name, std::optional<bool>& flag, const char* help) {
  app.add_option_function<std::string>(
         name, [&flag](const std::string& word) { flag = word == "on"; }, help)
      ->check(CLI::IsMember({"on", "off"}))
      ->type_name("on|off");
}

}  // namespace

void add_db(CLI::App& app, std::string& path) {
  app.add_option("--db", path, "The SQLite file (default: blockwatch.db in your data folder)")
      ->type_name("PATH");
}

void add_audit_policy(CLI::App& app, std::string& path) {
  app.add_option("--audit-policy", path,
                 "A file of auditpol /backup instead of the system's policy (default where it has "
                 "none: audit-policy.csv beside the database)")
      ->type_name("FILE");
}

CLI::App* add_audit(CLI::App& app, AuditConfig& config) {
  CLI::App* audit = app.add_subcommand("audit", "Read and change what Windows is told to audit");
  audit->require_subcommand(1);
  add_db(*audit, config.db_path);
  add_audit_policy(*audit, config.policy_path);
  const auto verb = [&](const char* name, const char* help, AuditConfig::Verb value) {
    CLI::App* command = audit->add_subcommand(name, help)->fallthrough();
    command->callback([&config, value] { config.verb = value; });
    return command;
  };
  const auto add_change_options = [&](CLI::App& command) {
    command
        .add_option("--revert-after", config.revert_after,
                    "Put it back after this time (15m, 2h); done by blockwatchd while it serves, "
                    "or when it starts next")
        ->type_name("TIME");
    command.add_flag("--dry-run", config.dry_run, "Only tell what would change");
    command.add_flag("--json", config.json, "The change as JSON");
  };
  CLI::App* get = verb("get", "Show it", AuditConfig::Verb::kGet);
  get->add_option("SUBCATEGORY", config.subcategories, "GUIDs or short names");
  get->add_flag("--all", config.all, "All subcategories, not only the filtering platform's");
  get->add_flag("--json", config.json, "JSON, also on a terminal");
  get->footer("  blockwatchd audit get\n  blockwatchd audit get --json logon");

  CLI::App* set = verb("set", "Change it", AuditConfig::Verb::kSet);
  set->add_option("SUBCATEGORY", config.subcategories, "GUIDs or short names");
  set->add_option("--preset", config.preset, "Instead: connections, packets or off")
      ->type_name("NAME");
  add_on_off(*set, "--success", config.success, "Audit successes");
  add_on_off(*set, "--failure", config.failure, "Audit failures");
  add_change_options(*set);
  set->footer(
      "  blockwatchd audit set --preset connections --dry-run\n"
      "  blockwatchd audit set filtering-platform-packet-drop --failure on --revert-after 15m");

  verb("verify", "Check that nothing was changed or removed in the trail of changes",
       AuditConfig::Verb::kVerify)
      ->footer("Exits with 1 when something was.");

  CLI::App* backup = verb("backup", "Write it in the format of auditpol /backup, and keep a copy",
                          AuditConfig::Verb::kBackup);
  backup->add_option("FILE", config.file, "Where to; standard output without it");
  backup->footer("  blockwatchd audit backup before.csv");

  CLI::App* restore = verb("restore", "Set it as it was backed up", AuditConfig::Verb::kRestore);
  restore->add_option("FILE", config.file, "A file of auditpol /backup; - is standard input");
  restore->add_option("--id", config.backup, "Instead: a backup that is kept in the trail")
      ->type_name("ID");
  add_change_options(*restore);
  restore->footer("  blockwatchd audit restore before.csv\n  blockwatchd audit restore --id 7");
  return audit;
}

CLI::App* add_self_test(CLI::App& app, SelfTestConfig& config) {
  CLI::App* command = app.add_subcommand(
      "self-test", "Look at everything Blockwatch needs here: rights, log, policy, names, store");
  add_db(*command, config.db_path);
  add_audit_policy(*command, config.policy_path);
  command->add_flag("--attempt", config.attempt,
                    "Also have one connection of this program to this computer blocked, by a "
                    "filter that goes with the program, and follow it (Windows, administrators)");
  command->add_flag("--json", config.json, "One JSON document to send with a report of a fault");
  command->footer("Exits with 1 when something failed.");
  return command;
}

CLI::App* add_firewall_log(CLI::App& app, FirewallLogConfig& config) {
  CLI::App* command = app.add_subcommand(
      "firewall-log", "Have Linux's nftables log what its other chains drop, for nflog:GROUP");
  command->require_subcommand(1);
  command
      ->add_option("--group", config.group,
                   "NFLOG group (default: the installed one, else " +
                       std::to_string(kFirewallLogGroup) + ")")
      ->type_name("N");
  command->add_flag("--json", config.json, "The rules as `nft -j` takes them; status as JSON");
  const auto verb = [&](const char* name, const char* help, FirewallLogConfig::Verb value) {
    CLI::App* one = command->add_subcommand(name, help)->fallthrough();
    one->callback([&config, value] { config.verb = value; });
    return one;
  };
  for (CLI::App* one :
       {verb("enable", "Print the rules, which copy the chains that may drop, and log instead",
             FirewallLogConfig::Verb::kEnable),
        verb("disable", "Print what removes them", FirewallLogConfig::Verb::kDisable)}) {
    one->add_flag("--apply", config.apply, "Carry it out");
  }
  verb("status", "Tell what is logged, and what cannot be", FirewallLogConfig::Verb::kStatus);
  command->footer(
      "  blockwatchd firewall-log enable            # look first\n"
      "  blockwatchd firewall-log enable --apply    # again when the rules changed\n"
      "  blockwatchd firewall-log disable --apply");
  return command;
}

}  // namespace blockwatch
