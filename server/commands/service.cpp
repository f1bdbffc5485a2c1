#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/spdlog.h>

#include <iostream>
#include <sstream>

#include "server/commands/commands.h"
#include "server/data_folder.h"
#include "server/service_host.h"
#include "server/service_manager.h"
#include "storage/file_path.h"

namespace blockwatch {
namespace {

constexpr const char* kLogName = "blockwatchd.log";
constexpr std::size_t kLogBytes = 4U << 20U;
constexpr std::size_t kOldLogs = 3;

int install(const ServiceConfig& config) {
  const auto manager = open_service_manager();
  if (!manager) return report_error(manager.error());
  const auto plan = plan_service((*manager)->program(), config);
  if (!plan) return report_error(plan.error());
  // A folder that the service would refuse is told now, to somebody who looks.
  const auto folder = make_data_folder();
  if (!folder) return report_error(folder.error());
  const auto missing = install_service(**manager, *plan);
  if (!missing) return report_error(missing.error());
  std::cout << "installed: " << plan->command_line
            << "\nIt starts with Windows, and now with: net start " << kServiceName
            << "\nData and log: " << to_utf8(*folder) << '\n';
  for (const std::string& what : *missing) {
    std::cerr << "blockwatchd: this Windows does without " << what << '\n';
  }
  return kExitSuccess;
}

int uninstall() {
  const auto manager = open_service_manager();
  if (!manager) return report_error(manager.error());
  const auto done = uninstall_service(**manager);
  if (!done) return report_error(done.error());
  std::cout << "uninstalled; its data stays\n";
  return kExitSuccess;
}

Result<void> log_to_file(const std::filesystem::path& path) {
  try {
    spdlog::set_default_logger(
        spdlog::rotating_logger_mt("blockwatchd", path.string(), kLogBytes, kOldLogs));
  } catch (const spdlog::spdlog_ex& error) {
    return make_error(ErrorCode::kIo, error.what());
  }
  spdlog::flush_on(spdlog::level::info);
  return {};
}

Result<ServeConfig> parse_options(const std::vector<std::string>& options) {
  std::ostringstream faults;
  const auto parsed = parse_command_line(options, faults, faults);
  const auto* command = std::get_if<CommandConfig>(&parsed);
  const auto* config = command == nullptr ? nullptr : std::get_if<ServeConfig>(command);
  if (config == nullptr) {
    return make_error(ErrorCode::kInvalidArgument,
                      "the service's options are not those of serve: " + faults.str());
  }
  if (auto checked = check_service_options(*config); !checked) {
    return tl::unexpected(checked.error());
  }
  return *config;
}

Result<int> serve_as_service(ServiceLife& life, const std::vector<std::string>& options) {
  const auto folder = make_data_folder();
  if (!folder) return tl::unexpected(folder.error());
  if (auto logs = log_to_file(*folder / kLogName); !logs) return tl::unexpected(logs.error());
  // Only now: a --config file that has been broken since is a fault for the log.
  const auto config = parse_options(options);
  if (!config) return tl::unexpected(config.error());
  auto code = serve_until(
      *config,
      [&](const Daemon& daemon) {
        for (const std::string& url : daemon.urls()) spdlog::info("listening on {}", url);
        if (!daemon.fingerprint().empty()) {
          spdlog::info("certificate {}, SHA-256 {}", daemon.certificate_path(),
                       daemon.fingerprint());
        }
        life.started();
      },
      [&] { life.wait_for_stop(); });
  if (code) spdlog::info("stopped");
  return code;
}

int run(const std::vector<std::string>& options) {
  const auto code = run_under_service_manager([&](ServiceLife& life) {
    auto result = serve_as_service(life, options);
    if (!result) spdlog::error("{}", result.error().message);
    return result;
  });
  return code ? *code : report_error(code.error());
}

}  // namespace

int run_service(const ServiceConfig& config) {
  switch (config.verb) {
    case ServiceConfig::Verb::kInstall:
      return install(config);
    case ServiceConfig::Verb::kUninstall:
      return uninstall();
    case ServiceConfig::Verb::kRun:
      break;
  }
  return run(config.options);
}

}  // namespace blockwatch
