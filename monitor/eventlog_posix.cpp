#include "monitor/eventlog_api.h"

namespace blockwatch {

Result<std::unique_ptr<EventLogApi>> open_event_log() {
  return make_error(ErrorCode::kUnsupported,
                    "the live Security log can be read on Windows only; give its file "
                    "(evtx:FILE) or an export instead");
}

}  // namespace blockwatch
