#include "server/config.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

#include "monitor/sources.h"
#include "server/firewall_log/plan.h"
#include "server/listen_options.h"

namespace blockwatch {
namespace {

// --config FILE: a JSON object with the long option names as keys.
class JsonConfig final : public CLI::Config {
 public:
  std::string to_config(const CLI::App*, bool, bool, std::string) const override { return {}; }

  std::vector<CLI::ConfigItem> from_config(std::istream& input) const override {
    nlohmann::json object;
    try {
      object = nlohmann::json::parse(input);
    } catch (const nlohmann::json::exception&) {
      throw CLI::ConversionError("--config: the file is not JSON");
    }
    if (!object.is_object()) {
      throw CLI::ConversionError("--config: the file must hold one JSON object");
    }
    std::vector<CLI::ConfigItem> parsed;
    for (const auto& [key, value] : object.items()) {
      CLI::ConfigItem item;
      item.name = key;
      const auto add = [&item](const nlohmann::json& one) {
        // Neither copied nor written as text: both would go as deep as the file does.
        if (one.is_structured()) {
          throw CLI::ConversionError("--config: \"" + item.name +
                                     "\": expected a text, a number, true or false, or a list");
        }
        item.inputs.push_back(one.is_string() ? one.get<std::string>() : one.dump());
      };
      if (value.is_array()) {
        for (const auto& one : value) add(one);
      } else {
        add(value);
      }
      parsed.push_back(std::move(item));
    }
    return parsed;
  }
};

// CLI11 reports a fault by the text that a validator or callback gives.
[[noreturn]] void fail(const std::string& option, const std::string& expected) {
  throw CLI::ValidationError(option, expected);
}

ActionSet parse_record(const std::string& text) {
  ActionSet set;
  std::stringstream list(text);
  for (std::string word; std::getline(list, word, ',');) {
    const auto action = from_word<Action>(word);
    if (!action) fail("--record", "\"" + word + "\": expected a list of block, drop, permit");
    set.add(*action);
  }
  if (set.bits == 0) fail("--record", "expected a list of block, drop, permit");
  return set;
}

// The first address that this computer's browsers reach without TLS.
OpenConfig where_to_open(const ServeConfig& config) {
  for (const ListenAddress& address : config.listen) {
    if (!address.is_unix() && !address.tls) return {address.host, address.port};
  }
  fail("open", "expected a --listen address of this computer without TLS");
}

void add_db(CLI::App& app, std::string& path) {
  app.add_option("--db", path, "The SQLite file (default: blockwatch.db in your data folder)")
      ->type_name("PATH");
}

void add_record(CLI::App& app, ActionSet& record) {
  app.add_option_function<std::string>(
         "--record", [&record](const std::string& text) { record = parse_record(text); },
         "Which actions are stored: any of block,drop,permit")
      ->type_name("SET")
      ->default_str("block,drop");
}

void add_audit_policy(CLI::App& app, std::string& path) {
  app.add_option("--audit-policy", path,
                 "A file of auditpol /backup instead of the system's policy (default where it has "
                 "none: audit-policy.csv beside the database)")
      ->type_name("FILE");
}

void add_serve_options(CLI::App& app, std::vector<std::string>& listen, ServeConfig& config) {
  add_listen_options(app, listen, config);
  add_db(app, config.db_path);
  app.add_option_function<std::vector<std::string>>(
         "--source",
         [&config](const std::vector<std::string>& specs) {
           for (const std::string& spec : specs) {
             const auto source = make_source(spec, config.record);
             // What `auto` finds is told at the start; it may find nothing.
             if (!source && spec != "auto") fail("--source", source.error().message);
           }
           config.sources = specs;
         },
         "Where events come from (repeat): " + std::string(kSourceKinds))
      ->type_name("SPEC")
      ->allow_extra_args(false)
      ->default_str("auto");
  add_record(app, config.record);
  app.add_option("--retention-days", config.retention.days,
                 "Delete events this many days after they were stored; 0 keeps them for ever")
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--max-db-size", config.retention.max_bytes,
                 "Delete the oldest events when the database is larger; 0 sets no bound")
      ->type_name("BYTES")
      ->capture_default_str();
  app.add_option_function<std::string>(
         "--on-corrupt",
         [&config](const std::string& word) { config.set_aside_damaged = word == "new"; },
         "A damaged database: 'new' sets it aside as PATH.corrupt-TIME and begins another, "
         "'refuse' "
         "stores nothing until you have seen to it")
      ->check(CLI::IsMember({"new", "refuse"}))
      ->type_name("new|refuse")
      ->default_str("new");
  app.add_option("--token-file", config.token_path,
                 "Access tokens, hashed (default: tokens.json beside the database)")
      ->type_name("PATH");
  app.add_option("--allow-host", config.extra_hosts, "Also answer to this Host name (repeat)")
      ->type_name("NAME")
      ->allow_extra_args(false);
  app.add_flag("--require-token", config.require_token, "Reading needs a token too");
  app.add_option("--allow-group", config.allow_groups,
                 "Members of this group may read without a token, as administrators, Event Log "
                 "Readers and the server's own user do (repeat)")
      ->type_name("NAME")
      ->allow_extra_args(false);
  app.add_flag("!--no-audit-changes", config.audit_changes,
               "Never change the audit policy; `blockwatchd audit` still does, for who may");
  add_audit_policy(app, config.audit_policy_path);
}

void take_given(const CLI::App& app, ServeConfig& config) {
  if (app.count("--retention-days") > 0) config.given.retention_days = config.retention.days;
  if (app.count("--max-db-size") > 0) config.given.max_db_size = config.retention.max_bytes;
  if (app.count("--record") > 0) config.given.record = config.record.bits;
}

void add_on_off(CLI::App& app, const char* name, std::optional<bool>& flag, const char* help) {
  app.add_option_function<std::string>(
         name, [&flag](const std::string& word) { flag = word == "on"; }, help)
      ->check(CLI::IsMember({"on", "off"}))
      ->type_name("on|off");
}

// `blockwatchd audit VERB`.
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

// `blockwatchd firewall-log VERB`.
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

// The values of `blockwatchd query`: name=value words and --name value pairs, in order.
http::Parameters parse_filters(const std::vector<std::string>& words) {
  http::Parameters filters;
  for (std::size_t i = 0; i < words.size(); ++i) {
    std::string word = words[i];
    const bool dashed = word.starts_with("--");
    if (dashed) word.erase(0, 2);
    const std::size_t equals = word.find('=');
    if (equals != std::string::npos && equals > 0) {
      filters.emplace_back(word.substr(0, equals), word.substr(equals + 1));
    } else if (dashed && !word.empty() && i + 1 < words.size()) {
      filters.emplace_back(word, words[++i]);
    } else {
      fail("query", "\"" + words[i] + "\": expected NAME=VALUE or --NAME VALUE");
    }
  }
  return filters;
}

// What is left of the words without the command itself, which stands together ("service install").
std::vector<std::string> without_command(std::vector<std::string> words, const CLI::App& command) {
  const std::vector<std::string> names{command.get_parent()->get_name(), command.get_name()};
  const auto at = std::search(words.begin(), words.end(), names.begin(), names.end());
  if (at == words.end())
    fail(names[0], "write \"" + names[0] + ' ' + names[1] + "\", then options");
  words.erase(at, at + 2);
  return words;
}

}  // namespace

std::variant<CommandConfig, int> parse_command_line(const std::vector<std::string>& arguments,
                                                    std::ostream& out, std::ostream& errors) {
  ServeConfig serve;
  std::vector<std::string> listen;
  ImportConfig import_config;
  BackupConfig backup;
  QueryConfig query;
  TokenConfig token;
  ServiceConfig service;
  AuditConfig audit;
  SelfTestConfig self_test;
  FirewallLogConfig firewall_log;

  CLI::App app{"What was blocked on my network, by what, and why", "blockwatchd"};
  // The same command line everywhere: "/x" is a path on Windows too.
  app.allow_windows_style_options(false);
  app.set_version_flag("--version", BLOCKWATCH_VERSION);
  app.config_formatter(std::make_shared<JsonConfig>());
  app.allow_config_extras(CLI::config_extras_mode::error);
  app.require_subcommand(0, 1);
  app.footer("Without a command: serve. `blockwatchd COMMAND --help` tells more.");
  add_serve_options(app, listen, serve);
  CLI::Option* config_file =
      app.set_config("--config", "", "JSON with the same keys; the command line wins")
          ->type_name("FILE");

  CLI::App* serve_command = app.add_subcommand("serve", "Run the monitor and the HTTP server");
  serve_command->fallthrough();

  CLI::App* import_command = app.add_subcommand(
      "import", "Import event files (.evtx, .xml, .json, .jsonl; - for stdin), print a report");
  import_command->add_option("FILE", import_config.files, "Event files; - is standard input")
      ->required();
  add_db(*import_command, import_config.db_path);
  add_record(*import_command, import_config.record);
  import_command->add_option("--threads", import_config.threads, "Decoding threads at most")
      ->check(CLI::Range(1U, 64U))
      ->capture_default_str();
  import_command->add_flag("--json", import_config.json, "The report as JSON lines");

  CLI::App* backup_command =
      app.add_subcommand("backup", "Copy the store to a new file, also while blockwatchd serves");
  backup_command->add_option("FILE", backup.file, "Where to; must not exist")->required();
  add_db(*backup_command, backup.db_path);
  backup_command->footer(
      "The trail of the audit policy is copied to FILE.audit. To go back to a backup, stop "
      "blockwatchd\nand put the files in the place of the database and its .audit, without -wal "
      "and "
      "-shm files\nbeside them. Tokens are not in it.");

  CLI::App* query_command =
      app.add_subcommand("query", "Ask the store: NDJSON on a pipe, a table on a terminal");
  add_db(*query_command, query.db_path);
  query_command->allow_extras();
  query_command->footer(
      "Filters as GET /api/v1/events takes them, NAME=VALUE or --NAME VALUE:\n"
      "  blockwatchd query action=block direction=inbound remote_port=443,8000-8100 since=1h");

  CLI::App* token_command = app.add_subcommand("token", "Access tokens for changes");
  token_command->require_subcommand(1);
  token_command->add_option("--token-file", token.token_path, "The file that keeps them, hashed")
      ->type_name("PATH");
  add_db(*token_command, token.db_path);
  CLI::App* create = token_command->add_subcommand("create", "Make one and show it once");
  create->fallthrough();
  create->add_option("--name", token.name, "What it is for")->required();
  create->add_option("--scope", token.scopes, "read, import, audit or admin (repeat)")
      ->required()
      ->delimiter(',');
  token_command->add_subcommand("list", "Names, ids and scopes")->fallthrough();
  CLI::App* revoke = token_command->add_subcommand("revoke", "Delete one");
  revoke->fallthrough();
  revoke->add_option("NAME", token.name, "Its name or the start of its id")->required();

  CLI::App* open_command = app.add_subcommand(
      "open", "Print a link that opens the server's pages in a browser, signed in");
  open_command->fallthrough();
  open_command->footer(
      "The link works once, for a minute. The server is looked for at --listen. Where it was\n"
      "started with --require-token, a token is taken from the variable BLOCKWATCH_TOKEN.");

  CLI::App* service_command = app.add_subcommand("service", "Run as a Windows service");
  service_command->require_subcommand(1)->fallthrough();
  CLI::App* install = service_command->add_subcommand(
      "install", "Start with Windows from now on; takes the options of serve");
  install->fallthrough();
  CLI::App* uninstall =
      service_command->add_subcommand("uninstall", "Stop and remove it; its data stays");
  CLI::App* run = service_command->add_subcommand("run", "What Windows' service manager starts");
  run->prefix_command()->fallthrough(false);

  const CLI::App* audit_command = add_audit(app, audit);
  const CLI::App* self_test_command = add_self_test(app, self_test);
  const CLI::App* firewall_log_command = add_firewall_log(app, firewall_log);

  CLI::App* routes_command =
      app.add_subcommand("routes", "List every route: method, path, operation id");

  try {
    // CLI11 takes the words from the back.
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
    if (*config_file) serve.config_path = config_file->as<std::string>();
    take_given(app, serve);
    set_listen(listen, serve);
    if (import_command->parsed()) return CommandConfig{import_config};
    if (backup_command->parsed()) return CommandConfig{backup};
    if (query_command->parsed()) {
      query.filters = parse_filters(query_command->remaining());
      return CommandConfig{query};
    }
    if (token_command->parsed()) {
      token.verb = create->parsed()   ? TokenConfig::Verb::kCreate
                   : revoke->parsed() ? TokenConfig::Verb::kRevoke
                                      : TokenConfig::Verb::kList;
      return CommandConfig{token};
    }
    if (service_command->parsed()) {
      if (install->parsed()) {
        service.verb = ServiceConfig::Verb::kInstall;
        service.serve = serve;
        service.options = without_command(arguments, *install);
      } else if (uninstall->parsed()) {
        service.verb = ServiceConfig::Verb::kUninstall;
      } else {
        service.options = without_command(arguments, *run);
      }
      return CommandConfig{service};
    }
    if (open_command->parsed()) {
      return CommandConfig{where_to_open(serve)};
    }
    if (audit_command->parsed()) return CommandConfig{audit};
    if (self_test_command->parsed()) return CommandConfig{self_test};
    if (firewall_log_command->parsed()) return CommandConfig{firewall_log};
    if (routes_command->parsed()) return CommandConfig{RoutesConfig{}};
    return CommandConfig{serve};
  } catch (const CLI::ParseError& e) {
    const int code = app.exit(e, out, errors);
    return code == 0 ? kExitSuccess : kExitUsage;
  }
}

}  // namespace blockwatch
