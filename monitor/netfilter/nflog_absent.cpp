#include "monitor/netfilter/nflog_api.h"

namespace blockwatch {

Result<std::unique_ptr<NflogApi>> open_nflog() {
  return make_error(ErrorCode::kUnsupported, "packets that netfilter logs exist on Linux only");
}

}  // namespace blockwatch
