#include "server/service_plan.h"

#include <set>

#include "storage/file_path.h"

namespace blockwatch {
namespace {

Result<void> check_path(const std::string& option, const std::string& path) {
  if (path.empty() || to_path(path).is_absolute()) return {};
  return make_error(ErrorCode::kInvalidArgument,
                    option + " " + path + ": a service needs the whole path");
}

Result<void> check_source(const std::string& spec) {
  const std::size_t colon = spec.find(':');
  if (colon == std::string::npos) return {};
  const std::string kind = spec.substr(0, colon);
  if (kind == "stdin") {
    return make_error(ErrorCode::kInvalidArgument,
                      "--source " + spec + ": a service has no standard input");
  }
  if (kind != "evtx" && kind != "dir") return {};
  return check_path("--source " + kind + ":", spec.substr(colon + 1));
}

// The program and what gives it orders or rights, each with its folder.
std::vector<std::string> relied_on(const std::string& program, const ServeConfig& config) {
  const auto folder_of = [](const std::string& path) {
    return to_utf8(to_path(path).parent_path());
  };
  std::vector<std::string> paths{program, folder_of(program)};
  if (!config.config_path.empty()) {
    paths.push_back(config.config_path);
    paths.push_back(folder_of(config.config_path));
  }
  // Tokens lie beside the database unless told otherwise.
  if (!config.db_path.empty()) paths.push_back(folder_of(config.db_path));
  for (const std::string& path : {config.token_path, config.audit_policy_path,
                                  config.tls_certificate_path, config.tls_key_path}) {
    if (!path.empty()) paths.push_back(folder_of(path));
  }
  return paths;
}

// None that is looked at more closely anyway.
std::vector<std::string> folders_above(const std::vector<std::string>& paths) {
  std::set<std::string> folders;
  for (const std::string& path : paths) {
    for (auto folder = to_path(path); folder != folder.parent_path();
         folder = folder.parent_path()) {
      folders.insert(to_utf8(folder.parent_path()));
    }
  }
  for (const std::string& path : paths) folders.erase(path);
  return {folders.begin(), folders.end()};
}

}  // namespace

std::string quote_argument(const std::string& text) {
  std::string quoted = "\"";
  std::size_t backslashes = 0;  // they stand for themselves unless a quote follows
  for (const char c : text) {
    if (c == '"') quoted.append(backslashes + 1, '\\');
    backslashes = c == '\\' ? backslashes + 1 : 0;
    quoted += c;
  }
  return quoted.append(backslashes, '\\') + '"';
}

Result<void> check_service_options(const ServeConfig& config) {
  for (const auto& [option, path] : {std::pair{"--config", config.config_path},
                                     {"--db", config.db_path},
                                     {"--token-file", config.token_path},
                                     {"--audit-policy", config.audit_policy_path},
                                     {"--tls-cert", config.tls_certificate_path},
                                     {"--tls-key", config.tls_key_path}}) {
    if (auto checked = check_path(option, path); !checked) return checked;
  }
  for (const std::string& spec : config.sources) {
    if (auto checked = check_source(spec); !checked) return checked;
  }
  return {};
}

Result<ServicePlan> plan_service(const std::string& program, const ServiceConfig& config) {
  if (auto checked = check_service_options(config.serve); !checked) {
    return tl::unexpected(checked.error());
  }
  using std::chrono::hours;
  using std::chrono::seconds;
  ServicePlan plan{
      .display_name = "Blockwatch",
      .description = "Keeps what Windows blocked on the network, and answers over local HTTP.",
      .command_line = quote_argument(program) + " service run",
      .files_and_folders = relied_on(program, config.serve),
      .dependencies = {"EventLog"},
      // To read the Security log and the audit policy; to reach a file through folders.
      .privileges = {"SeSecurityPrivilege", "SeChangeNotifyPrivilege"},
      .restart_after = {seconds(5), seconds(30), seconds(300)},
      .forgive_after = hours(24)};
  plan.folders_above = folders_above(plan.files_and_folders);
  for (const std::string& option : config.options) {
    plan.command_line += ' ' + quote_argument(option);
  }
  return plan;
}

}  // namespace blockwatch
