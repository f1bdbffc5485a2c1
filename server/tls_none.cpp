#include "server/self_signed.h"
#include "server/tls.h"

namespace blockwatch {
namespace {

tl::unexpected<Error> no_tls() {
  return make_error(ErrorCode::kUnsupported,
                    "this build has no TLS: listen on a loopback address without it");
}

}  // namespace

Result<std::unique_ptr<TlsContext>> TlsContext::create(const std::string& /*certificates*/,
                                                       const std::string& /*key*/) {
  return no_tls();
}

Result<TlsIdentity> make_self_signed(const std::vector<std::string>& /*names*/,
                                     std::chrono::system_clock::time_point /*now*/) {
  return no_tls();
}

std::string renewal_reason(const TlsIdentity& /*identity*/,
                           const std::vector<std::string>& /*names*/,
                           std::chrono::system_clock::time_point /*now*/) {
  return {};
}

}  // namespace blockwatch
