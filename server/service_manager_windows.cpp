// windows.h first: the others need it.
#include <windows.h>

#include <winsvc.h>

#include <system_error>
#include <type_traits>

#include "server/access_check_windows.h"
#include "server/service_manager.h"
#include "storage/file_path.h"

namespace blockwatch {
namespace {

struct CloseService {
  using pointer = SC_HANDLE;
  void operator()(SC_HANDLE handle) const { ::CloseServiceHandle(handle); }
};
using ServiceHandle = std::unique_ptr<std::remove_pointer_t<SC_HANDLE>, CloseService>;

std::uint32_t error_unless(bool done) { return done ? NO_ERROR : ::GetLastError(); }

// Names, each with its end, and the end of the list (which c_str() adds).
std::wstring name_list(const std::vector<std::string>& names) {
  std::wstring list;
  for (const std::string& name : names) (list += to_path(name).wstring()) += L'\0';
  return list;
}

class WindowsServiceManager final : public ServiceManager {
 public:
  explicit WindowsServiceManager(ServiceHandle manager) : manager_(std::move(manager)) {}

  std::uint32_t create(const ServicePlan& plan) override {
    service_.reset(::CreateServiceW(
        manager_.get(), to_path(kServiceName).c_str(), to_path(plan.display_name).c_str(),
        SERVICE_CHANGE_CONFIG | SERVICE_START | DELETE, SERVICE_WIN32_OWN_PROCESS,
        SERVICE_AUTO_START, SERVICE_ERROR_NORMAL, to_path(plan.command_line).c_str(), nullptr,
        nullptr, name_list(plan.dependencies).c_str(), nullptr, nullptr));
    return error_unless(service_ != nullptr);
  }

  std::uint32_t find() override {
    service_.reset(::OpenServiceW(manager_.get(), to_path(kServiceName).c_str(),
                                  SERVICE_STOP | SERVICE_QUERY_STATUS | DELETE));
    return error_unless(service_ != nullptr);
  }

  std::uint32_t set(ServiceSetting setting, const ServicePlan& plan) override {
    switch (setting) {
      case ServiceSetting::kDescription: {
        std::wstring text = to_path(plan.description).wstring();
        SERVICE_DESCRIPTIONW description{text.data()};
        return change(SERVICE_CONFIG_DESCRIPTION, &description);
      }
      case ServiceSetting::kRestart: {
        std::vector<SC_ACTION> actions;
        for (const std::chrono::milliseconds after : plan.restart_after) {
          actions.push_back({SC_ACTION_RESTART, static_cast<DWORD>(after.count())});
        }
        SERVICE_FAILURE_ACTIONSW failures{};
        failures.dwResetPeriod = static_cast<DWORD>(plan.forgive_after.count());
        failures.cActions = static_cast<DWORD>(actions.size());
        failures.lpsaActions = actions.data();
        return change(SERVICE_CONFIG_FAILURE_ACTIONS, &failures);
      }
      case ServiceSetting::kRestartAfterError: {
        SERVICE_FAILURE_ACTIONS_FLAG flag{TRUE};
        return change(SERVICE_CONFIG_FAILURE_ACTIONS_FLAG, &flag);
      }
      case ServiceSetting::kPrivileges: {
        std::wstring names = name_list(plan.privileges);
        SERVICE_REQUIRED_PRIVILEGES_INFOW privileges{names.data()};
        return change(SERVICE_CONFIG_REQUIRED_PRIVILEGES_INFO, &privileges);
      }
      case ServiceSetting::kOwnAccount: {
        SERVICE_SID_INFO sid{SERVICE_SID_TYPE_UNRESTRICTED};
        return change(SERVICE_CONFIG_SERVICE_SID_INFO, &sid);
      }
    }
    return ERROR_INVALID_PARAMETER;
  }

  std::uint32_t query(ServiceState& state) override {
    SERVICE_STATUS status{};
    if (!::QueryServiceStatus(service_.get(), &status)) return ::GetLastError();
    state = static_cast<ServiceState>(status.dwCurrentState);
    return NO_ERROR;
  }

  std::uint32_t stop() override {
    SERVICE_STATUS status{};
    return error_unless(::ControlService(service_.get(), SERVICE_CONTROL_STOP, &status) != 0);
  }

  std::uint32_t remove() override { return error_unless(::DeleteService(service_.get()) != 0); }

  std::string text_of(std::uint32_t error) const override {
    return std::system_category().message(static_cast<int>(error));
  }

  std::string program() const override {
    std::wstring path(32'768, L'\0');  // the longest that Windows knows
    path.resize(::GetModuleFileNameW(nullptr, path.data(), static_cast<DWORD>(path.size())));
    return to_utf8(path);
  }

  bool is_protected(const std::string& path) const override {
    return is_for_administrators(to_path(path), kReplaceRights, true);
  }

  bool stays(const std::string& folder) const override {
    const auto path = to_path(folder);
    // A drive as a whole cannot be moved.
    const DWORD rights = path.has_relative_path() ? kMoveRights : kMoveRights & ~DWORD{DELETE};
    return is_for_administrators(path, rights, true);
  }

 private:
  std::uint32_t change(DWORD what, void* value) {
    return error_unless(::ChangeServiceConfig2W(service_.get(), what, value) != 0);
  }

  const ServiceHandle manager_;
  ServiceHandle service_;  // the handle is closed before the manager's
};

}  // namespace

Result<std::unique_ptr<ServiceManager>> open_service_manager() {
  ServiceHandle manager(
      ::OpenSCManagerW(nullptr, nullptr, SC_MANAGER_CONNECT | SC_MANAGER_CREATE_SERVICE));
  const DWORD error = ::GetLastError();
  if (manager != nullptr) return std::make_unique<WindowsServiceManager>(std::move(manager));
  if (error == ERROR_ACCESS_DENIED) {
    return make_error(ErrorCode::kPermission,
                      "services are for administrators: start the command "
                      "prompt with \"Run as administrator\"");
  }
  return make_error(ErrorCode::kIo, "the service manager does not answer: " +
                                        std::system_category().message(static_cast<int>(error)));
}

}  // namespace blockwatch
