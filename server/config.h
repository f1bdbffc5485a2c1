#pragma once
// The command line and the configuration file, as plain values with every default named.

#include <cstdint>
#include <iostream>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "server/http.h"
#include "server/listener.h"
#include "storage/event_writer.h"
#include "storage/settings.h"
#include "storage/words.h"

namespace blockwatch {

inline constexpr int kExitSuccess = 0;
inline constexpr int kExitFailure = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitDamaged = 3;  // finished, but some input was damaged

struct ServeConfig {
  std::vector<ListenAddress> listen{{.port = 8470}};
  bool tls_self_signed = false;
  std::string tls_certificate_path;  // PEM; with tls_key_path instead
  std::string tls_key_path;
  std::string user;     // whom to become once the addresses are open; empty: nobody else
  std::string db_path;  // empty: the data folder's
  std::vector<std::string> sources{"auto"};
  ActionSet record = kBlocksAndDrops;
  RetentionOptions retention;
  bool set_aside_damaged = true;  // a damaged store is set aside; else it is refused
  std::string token_path;         // empty: beside the database
  std::vector<std::string> extra_hosts;
  bool require_token = false;
  std::vector<std::string> allow_groups;  // names or ids
  bool audit_changes = true;              // requests and due reverts may change the audit policy
  std::string config_path;                // of --config; empty: none
  std::string audit_policy_path;          // empty: the system's, or the file beside the database
  StoredSettings given;  // the settings that stand here and so cannot be changed elsewhere
};

struct BackupConfig {
  std::string db_path;
  std::string file;
};

struct ImportConfig {
  std::vector<std::string> files;  // "-" is standard input
  std::string db_path;
  ActionSet record = kBlocksAndDrops;
  unsigned threads = 2;
  bool json = false;  // the report as JSON lines instead of a table
};

struct QueryConfig {
  std::string db_path;
  http::Parameters filters;  // as GET /api/v1/events takes them
};

struct TokenConfig {
  enum class Verb : std::uint8_t { kCreate, kList, kRevoke };
  Verb verb = Verb::kList;
  std::string token_path;
  std::string db_path;
  std::string name;
  std::vector<std::string> scopes;
};

// Prints a link for the browser; the address is that of serve's options.
struct OpenConfig {
  std::string host;
  int port = 0;
};

struct ServiceConfig {
  enum class Verb : std::uint8_t { kInstall, kUninstall, kRun };
  Verb verb = Verb::kRun;
  ServeConfig serve;                 // install: what `options` say
  std::vector<std::string> options;  // of serve; install keeps them, run gets them back
};

struct AuditConfig {
  enum class Verb : std::uint8_t { kGet, kSet, kBackup, kRestore, kVerify };
  Verb verb = Verb::kGet;
  std::string db_path;
  std::string policy_path;                 // as ServeConfig::audit_policy_path
  std::vector<std::string> subcategories;  // GUIDs or slugs
  bool all = false;
  std::string preset;
  std::optional<bool> success;
  std::optional<bool> failure;
  std::string revert_after;
  std::string file;    // to write or read; empty or "-": standard output or input
  std::string backup;  // id of a stored one
  bool dry_run = false;
  bool json = false;
};

struct SelfTestConfig {
  std::string db_path;
  std::string policy_path;  // as ServeConfig::audit_policy_path
  bool attempt = false;     // also make one blocked connection and follow it
  bool json = false;
};

// nftables rules that log what other chains drop (firewall_log/plan.h).
struct FirewallLogConfig {
  enum class Verb : std::uint8_t { kEnable, kDisable, kStatus };
  Verb verb = Verb::kStatus;
  std::optional<std::uint16_t> group;  // of NFLOG
  bool apply = false;                  // carry it out instead of printing it
  bool json = false;
};

// Prints "METHOD PATTERN OPERATION_ID" of every route, for the contract test.
struct RoutesConfig {};

using CommandConfig =
    std::variant<ServeConfig, BackupConfig, ImportConfig, QueryConfig, TokenConfig, OpenConfig,
                 ServiceConfig, AuditConfig, SelfTestConfig, FirewallLogConfig, RoutesConfig>;

// What to do, or the exit code after help was printed (0) or a fault was named in `errors` (2).
// Arguments are UTF-8.
std::variant<CommandConfig, int> parse_command_line(const std::vector<std::string>& arguments,
                                                    std::ostream& out = std::cout,
                                                    std::ostream& errors = std::cerr);

// `db_path`, or the default in the data folder when it is empty (see data_folder.h).
Result<std::string> resolve_db_path(const std::string& db_path);

// `token_path`, or "tokens.json" beside the database.
std::string resolve_token_path(const std::string& token_path, const std::string& db_path);

}  // namespace blockwatch
