#include "server/service_host.h"
#include "server/service_manager.h"

namespace blockwatch {
namespace {

tl::unexpected<Error> not_here() {
  return make_error(ErrorCode::kInvalidArgument,
                    "services of this kind are Windows' own; here let the system's manager, such "
                    "as systemd, run `blockwatchd serve` (SIGTERM stops it)");
}

}  // namespace

Result<std::unique_ptr<ServiceManager>> open_service_manager() { return not_here(); }

Result<int> run_under_service_manager(const std::function<Result<int>(ServiceLife&)>&) {
  return not_here();
}

}  // namespace blockwatch
