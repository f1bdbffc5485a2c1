#include "server/firewall_log/nft.h"

namespace blockwatch {
namespace {

tl::unexpected<Error> not_here() {
  return make_error(ErrorCode::kUnsupported, "firewall-log is for Linux: it needs nftables");
}

}  // namespace

Result<std::string> run_nft(const std::vector<std::string>&, std::string_view) {
  return not_here();
}

Result<std::string> preview_nft(std::string_view, const std::string&) { return not_here(); }

std::string legacy_iptables_tables() { return {}; }

bool is_nflog_group_taken(unsigned) { return false; }

}  // namespace blockwatch
