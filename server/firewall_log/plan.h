#pragma once
// What nftables must be told so that it logs what its other chains drop.
//
// A packet that one chain drops is seen by none after it, so a rule "log what was dropped" cannot
// be written. Instead each chain that may drop gets a shadow in the table "blockwatch", which is
// asked just before it (priority - 1): a copy of its rules that logs where the chain would drop,
// and lets every packet pass. Nothing of anybody else's is changed, and one table takes it all
// away.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "storage/result.h"

namespace blockwatch {

inline constexpr std::string_view kFirewallLogTable = "blockwatch";  // of family inet
inline constexpr std::uint16_t kFirewallLogGroup = 8470;             // unless another is named

struct FirewallLogPlan {
  std::string commands;             // for `nft -j -f -`: one transaction that replaces our table
  std::vector<std::string> chains;  // that are shadowed, "inet fw input"
  std::size_t rules = 0;            // that log
  // What cannot be logged, or is judged by less than nftables knows; a line each, for people.
  std::vector<std::string> unseen;
  std::string fingerprint;  // of the rules the plan was made from, without members that time out
};

// From what `nft -j list ruleset` says. `group` is the NFLOG group, 0 to 65,535. kCorrupt: not
// that.
Result<FirewallLogPlan> plan_firewall_log(std::string_view ruleset, std::uint16_t group);

// The transaction that takes our table away, whether it is there or not.
std::string remove_firewall_log();

struct InstalledFirewallLog {
  bool installed = false;
  std::string fingerprint;  // of the plan that was installed
  std::optional<std::uint16_t> group;
};
InstalledFirewallLog find_firewall_log(std::string_view ruleset);

}  // namespace blockwatch
