#include "monitor/netevent_api.h"

namespace blockwatch {

Result<std::unique_ptr<NetEventApi>> open_net_events() {
  return make_error(ErrorCode::kUnsupported,
                    "net events of the Windows Filtering Platform exist on Windows only");
}

}  // namespace blockwatch
