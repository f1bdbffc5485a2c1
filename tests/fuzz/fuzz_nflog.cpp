// A datagram of netlink's with anything in it: reading ends, stays within the bytes, and what comes
// out is plausible.

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "monitor/netfilter/log_rules.h"
#include "monitor/netfilter/packet_event.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace blockwatch;
  netlink::Reader reader({data, size});
  LogRules rules;
  std::size_t messages = 0;
  while (const auto message = reader.message()) {
    if (++messages > size) std::abort();
    (void)rules.add(*message);
    (void)parse_generation(*message);
    auto packet = parse_nflog_packet(*message);
    if (!packet) continue;
    if (packet->time && !is_plausible(*packet->time)) std::abort();
    packet->time = packet->time.value_or(Timestamp{});
    TextArena text;
    const Event event =
        to_event(*packet, 5152, {.source = "nflog:1", .rule = rules.find(*packet)}, text);
    if (event.protocol.has_value() != packet->packet.has_value()) std::abort();
  }
  // The same bytes as a packet.
  if (const auto packet = parse_packet({data, size})) (void)opens_flow(*packet);
  return 0;
}
