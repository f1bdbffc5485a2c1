// windows.h first: the others need it.
#include <windows.h>

#include <winsvc.h>

#include <optional>
#include <system_error>

#include "server/config.h"
#include "server/service_host.h"
#include "server/service_plan.h"
#include "storage/file_path.h"

namespace blockwatch {
namespace {

// Shown by the event viewer with a remark that the source is unknown: the text is there all the
// same, and an installed file of messages is not worth that.
void write_system_log(const std::string& text) {
  const HANDLE log = ::RegisterEventSourceW(nullptr, L"Blockwatch");
  if (log == nullptr) return;
  // Windows' own words in it may be in another encoding (before version 1903): what is not UTF-8
  // must not keep the rest out, as it would with to_path().
  std::wstring wide(text.size(), L'\0');
  const int size = static_cast<int>(text.size());
  wide.resize(static_cast<std::size_t>(
      ::MultiByteToWideChar(CP_UTF8, 0, text.data(), size, wide.data(), size)));
  const wchar_t* strings[] = {wide.c_str()};
  ::ReportEventW(log, EVENTLOG_ERROR_TYPE, 0, 1, nullptr, 1, 0, strings, nullptr);
  ::DeregisterEventSource(log);
}

// Never goes: controls come on the dispatcher's thread, and that may end with the report of the
// stop, while the service's thread is still on its way back from it.
struct Host {
  const std::function<Result<int>(ServiceLife&)>& body;
  std::wstring name = to_path(kServiceName).wstring();
  SERVICE_STATUS_HANDLE handle = nullptr;
  std::optional<ServiceLife> life;
  Result<int> outcome = kExitFailure;
};
Host* host = nullptr;  // the system hands the service's main nothing of ours

void report(const ServiceReport& report) {
  SERVICE_STATUS status{};
  status.dwServiceType = SERVICE_WIN32_OWN_PROCESS;
  status.dwCurrentState = static_cast<DWORD>(report.state);
  if (report.accepts_stop) {
    status.dwControlsAccepted =
        SERVICE_ACCEPT_STOP | SERVICE_ACCEPT_SHUTDOWN | SERVICE_ACCEPT_PRESHUTDOWN;
  }
  if (report.exit_code != 0) {
    status.dwWin32ExitCode = ERROR_SERVICE_SPECIFIC_ERROR;
    status.dwServiceSpecificExitCode = static_cast<DWORD>(report.exit_code);
  }
  status.dwCheckPoint = report.check_point;
  status.dwWaitHint = static_cast<DWORD>(report.wait_hint.count());
  ::SetServiceStatus(host->handle, &status);
}

DWORD WINAPI on_control(DWORD control, DWORD, void*, void*) {
  switch (control) {
    case SERVICE_CONTROL_STOP:
    case SERVICE_CONTROL_SHUTDOWN:
    case SERVICE_CONTROL_PRESHUTDOWN:
      host->life->request_stop();
      return NO_ERROR;
    case SERVICE_CONTROL_INTERROGATE:
      return NO_ERROR;
    default:
      return ERROR_CALL_NOT_IMPLEMENTED;
  }
}

void WINAPI service_main(DWORD, wchar_t**) {
  host->handle = ::RegisterServiceCtrlHandlerExW(host->name.c_str(), on_control, nullptr);
  if (host->handle == nullptr) return;
  ServiceLife& life = host->life.emplace(report);
  host->outcome = host->body(life);
  if (!host->outcome) write_system_log(host->outcome.error().message);
  life.ended(host->outcome ? *host->outcome : kExitFailure);
}

}  // namespace

Result<int> run_under_service_manager(const std::function<Result<int>(ServiceLife&)>& body) {
  host = new Host{.body = body};
  const SERVICE_TABLE_ENTRYW services[] = {{host->name.data(), service_main}, {nullptr, nullptr}};
  if (::StartServiceCtrlDispatcherW(services)) return host->outcome;
  const DWORD error = ::GetLastError();
  if (error == ERROR_FAILED_SERVICE_CONTROLLER_CONNECT) {
    return make_error(ErrorCode::kInvalidArgument,
                      "`service run` is for Windows' service manager; in a window use "
                      "`blockwatchd serve`, or `blockwatchd service install` and `net start "
                      "blockwatch`");
  }
  return make_error(ErrorCode::kIo, "the service manager does not answer: " +
                                        std::system_category().message(static_cast<int>(error)));
}

}  // namespace blockwatch
