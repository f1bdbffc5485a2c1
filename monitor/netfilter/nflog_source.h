#pragma once
// nflog:GROUP - the packets that netfilter's rules log to a group. Every decision is made here; the
// system behind NflogApi makes none.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "monitor/audit_policy.h"
#include "monitor/event_source.h"
#include "monitor/netfilter/drop_watch.h"
#include "monitor/netfilter/nflog_api.h"
#include "storage/words.h"

namespace blockwatch {

// The group of `auto` and of the rules that Blockwatch suggests: the number of its port.
inline constexpr std::uint16_t kNflogGroup = 8470;

struct NflogOptions {
  std::uint16_t group = kNflogGroup;
  ActionSet record = kBlocksAndDrops;
  std::shared_ptr<DropWatch> drops;  // null: nobody watches who sends
  AuditPolicyFn policy;              // asked every second; empty: blocks and drops are audited
  // Repeats of a flow are told of together after so long.
  std::chrono::milliseconds fold_window{60'000};
  std::size_t most_flows = 65'536;
  // How often the position is stored though nothing happens, so that a crash loses no more track.
  std::chrono::milliseconds position_interval{10'000};
};

std::unique_ptr<EventSource> make_nflog_source(std::unique_ptr<NflogApi> api,
                                               const NflogOptions& options);

}  // namespace blockwatch
