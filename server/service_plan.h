#pragma once
// What `blockwatchd service install` asks of Windows: decided here, done by a ServiceManager.

#include <chrono>
#include <string>
#include <vector>

#include "server/config.h"
#include "storage/result.h"

namespace blockwatch {

// Also the name in `sc` and `net`.
inline constexpr const char* kServiceName = "blockwatch";

struct ServicePlan {
  std::string display_name;
  std::string description;
  std::string command_line;
  // Whoever can change one of these can do what the service may do.
  std::vector<std::string> files_and_folders;
  // The folders above them, up to the drive: whoever can move one away can put another in its
  // place.
  std::vector<std::string> folders_above;
  std::vector<std::string> dependencies;            // services that are started before
  std::vector<std::string> privileges;              // the system takes all others away
  std::vector<std::chrono::seconds> restart_after;  // first failure, second, every other
  std::chrono::seconds forgive_after{0};            // without a failure: count from the first again
};

// `program` is this program's file. Errors as check_service_options().
Result<ServicePlan> plan_service(const std::string& program, const ServiceConfig& config);

// kInvalidArgument: a relative path, which would begin in Windows' own folder, or standard input.
Result<void> check_service_options(const ServeConfig& config);

// As one argument that the C runtime of Windows takes apart into `text` again.
std::string quote_argument(const std::string& text);

}  // namespace blockwatch
