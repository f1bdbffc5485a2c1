#pragma once
// Windows' service manager: what is asked of it (decided here), and how (behind the interface).

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "server/service_life.h"
#include "server/service_plan.h"

namespace blockwatch {

// What is set once the service exists.
enum class ServiceSetting : std::uint8_t {
  kDescription,
  kRestart,
  kRestartAfterError,  // not only after a crash
  kPrivileges,
  kOwnAccount,  // an account of its own in the process, which access lists can name
};

// One service, blockwatch, on this machine. Calls give Windows' error number, 0 for done.
class ServiceManager {
 public:
  virtual ~ServiceManager() = default;

  // The service that these make or find is the one of the calls below.
  virtual std::uint32_t create(const ServicePlan& plan) = 0;
  virtual std::uint32_t find() = 0;

  virtual std::uint32_t set(ServiceSetting setting, const ServicePlan& plan) = 0;
  virtual std::uint32_t query(ServiceState& state) = 0;
  virtual std::uint32_t stop() = 0;  // asks, does not wait
  virtual std::uint32_t remove() = 0;

  virtual std::string text_of(std::uint32_t error) const = 0;
  virtual std::string program() const = 0;  // this one's file
  // Whether it is there and others than administrators and this user cannot change it.
  virtual bool is_protected(const std::string& path) const = 0;
  // Whether others than these cannot move the folder, or what it holds, away.
  virtual bool stays(const std::string& folder) const = 0;
};

// Either everything is set or nothing is left. Gives what this system does not know and does
// without. kConflict: there is such a service already; kPermission: for administrators only, or
// others could change what it relies on; kIo.
Result<std::vector<std::string>> install_service(ServiceManager& manager, const ServicePlan& plan);

// Stops it first and waits so long. kNotFound, kPermission, kIo; kUnavailable: it does not stop,
// and stays.
Result<void> uninstall_service(ServiceManager& manager,
                               std::chrono::milliseconds patience = std::chrono::seconds(30));

// kPermission: for administrators only; kInvalidArgument: not on this system.
Result<std::unique_ptr<ServiceManager>> open_service_manager();

}  // namespace blockwatch
