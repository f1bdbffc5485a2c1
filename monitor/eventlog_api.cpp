#include "monitor/eventlog_api.h"

namespace blockwatch {

Error log_failure(const std::string& doing, std::uint32_t code) {
  const std::string number = " (Windows error " + std::to_string(code) + ")";
  switch (code) {
    case log_error::kAccessDenied:
      return {ErrorCode::kPermission,
              "no right to read the Security log: run as administrator or as a service, or add the "
              "account to Event Log Readers" +
                  number};
    case log_error::kChannelNotFound:
      return {ErrorCode::kNotFound, "this Windows has no channel Security" + number};
    case log_error::kServerUnavailable:
      return {ErrorCode::kUnavailable, "the event log service does not answer" + number};
    default:
      return {ErrorCode::kIo, "cannot " + doing + number};
  }
}

}  // namespace blockwatch
