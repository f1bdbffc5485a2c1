#include "monitor/netfilter/drop_watch.h"

namespace blockwatch {

Result<std::unique_ptr<DropWatch>> open_drop_watch() {
  return make_error(ErrorCode::kUnsupported, "this program was built without libbpf");
}

}  // namespace blockwatch
