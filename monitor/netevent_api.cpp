#include "monitor/netevent_api.h"

namespace blockwatch {

Error engine_failure(const std::string& doing, std::uint32_t code) {
  const std::string number = " (Windows error " + std::to_string(code) + ")";
  switch (code) {
    case engine_error::kAccessDenied:
      return {ErrorCode::kPermission,
              "no right to " + doing +
                  ": run as administrator or as a service, or add the account to Network "
                  "Configuration Operators" +
                  number};
    case engine_error::kNetEventsDisabled:
      return {ErrorCode::kUnavailable,
              "the filtering engine does not collect net events: netsh wfp set options "
              "netevents=on switches them on" +
                  number};
    case engine_error::kServerUnavailable:
    case engine_error::kCallFailed:
    case engine_error::kNotRegistered:
      return {ErrorCode::kUnavailable,
              "the filtering engine (service Base Filtering Engine) does not answer" + number};
    default:
      return {ErrorCode::kIo, "cannot " + doing + number};
  }
}

}  // namespace blockwatch
