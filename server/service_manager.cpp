#include "server/service_manager.h"

#include <thread>

namespace blockwatch {
namespace {

// winerror.h is not for this file: these decisions are tested on every system.
constexpr std::uint32_t kAccessDenied = 5;
constexpr std::uint32_t kInvalidLevel = 124;
constexpr std::uint32_t kDoesNotExist = 1060;
constexpr std::uint32_t kCannotAcceptControl = 1061;
constexpr std::uint32_t kNotActive = 1062;
constexpr std::uint32_t kMarkedForDelete = 1072;
constexpr std::uint32_t kExists = 1073;

constexpr std::chrono::milliseconds kAskAgain{50};

struct Setting {
  ServiceSetting what;
  const char* name;
};
constexpr Setting kSettings[] = {
    {ServiceSetting::kDescription, "a description"},
    {ServiceSetting::kRestart, "a restart after a crash"},
    {ServiceSetting::kRestartAfterError, "a restart after an error"},
    {ServiceSetting::kPrivileges, "fewer privileges"},
    {ServiceSetting::kOwnAccount, "an account of its own"},
};

tl::unexpected<Error> failure(const ServiceManager& manager, std::uint32_t error) {
  switch (error) {
    case kAccessDenied:
      return make_error(ErrorCode::kPermission,
                        "services are for administrators: start the "
                        "command prompt with \"Run as administrator\"");
    case kDoesNotExist:
      return make_error(ErrorCode::kNotFound, "the service is not installed");
    case kExists:
      return make_error(ErrorCode::kConflict,
                        "the service is installed already; to change its options, uninstall it "
                        "first: its data stays");
    case kMarkedForDelete:
      return make_error(ErrorCode::kConflict,
                        "the service is being removed; close every window that shows services and "
                        "try again");
    default:
      return make_error(ErrorCode::kIo, manager.text_of(error));
  }
}

}  // namespace

Result<std::vector<std::string>> install_service(ServiceManager& manager, const ServicePlan& plan) {
  for (const std::string& path : plan.files_and_folders) {
    if (manager.is_protected(path)) continue;
    return make_error(ErrorCode::kPermission,
                      path +
                          ": is missing, or not only administrators can change it; the service "
                          "runs as the system itself and would do what others want");
  }
  for (const std::string& folder : plan.folders_above) {
    if (manager.stays(folder)) continue;
    return make_error(ErrorCode::kPermission,
                      folder +
                          ": not only administrators can put another folder in the place of one in "
                          "it; the service runs as the system itself and would do what others "
                          "want");
  }
  if (const auto error = manager.create(plan); error != 0) return failure(manager, error);
  std::vector<std::string> missing;
  for (const Setting& setting : kSettings) {
    const auto error = manager.set(setting.what, plan);
    if (error == kInvalidLevel) {
      missing.emplace_back(setting.name);
    } else if (error != 0) {
      manager.remove();
      return failure(manager, error);
    }
  }
  return missing;
}

Result<void> uninstall_service(ServiceManager& manager, std::chrono::milliseconds patience) {
  if (const auto error = manager.find(); error != 0) return failure(manager, error);
  const auto end = std::chrono::steady_clock::now() + patience;
  for (bool asked = false;;) {
    ServiceState state{};
    if (const auto error = manager.query(state); error != 0) return failure(manager, error);
    if (state == ServiceState::kStopped) break;
    if (!asked) {
      const auto error = manager.stop();
      // While it starts it cannot stop yet.
      asked = error == 0;
      if (error != 0 && error != kCannotAcceptControl && error != kNotActive) {
        return failure(manager, error);
      }
    }
    if (std::chrono::steady_clock::now() > end) {
      return make_error(ErrorCode::kUnavailable, "the service does not stop; it is left as it is");
    }
    std::this_thread::sleep_for(kAskAgain);
  }
  if (const auto error = manager.remove(); error != 0) return failure(manager, error);
  return {};
}

}  // namespace blockwatch
