#pragma once
// The Event made of a logged packet and what is known about it. Pure.

#include <cstdint>
#include <string>

#include "monitor/netfilter/log_rules.h"
#include "monitor/netfilter/nflog_packet.h"

namespace blockwatch {

// Whose socket sent the packet, or would have received it.
struct SocketOwner {
  enum class State : std::uint8_t {
    kNone,       // no socket is to be expected: forwarded, or of a protocol without ports
    kFound,      // the process is known
    kNoSocket,   // there is none (any more): of a packet sent, the process is gone
    kNoProcess,  // nobody has the socket (any more)
    kHidden,     // the program may not see the processes of others
    kNotAsked,   // so many packets that asking for each would be too dear
  };
  State state = State::kNone;
  std::uint64_t process_id = 0;
  std::string executable;  // empty: the program may not see it
};

struct PacketContext {
  std::string_view source;  // "nflog:8470"
  std::string_view host;
  std::string_view in_name;  // of the interfaces; empty: not known
  std::string_view out_name;
  const LogRule* rule = nullptr;
  SocketOwner owner;
  std::uint64_t packets = 1;  // as many of the same flow
};

// `event_id` is what the packet means, one of 5152, 5156, 5157. The packet has its time.
Event to_event(const NflogPacket& packet, std::uint16_t event_id, const PacketContext& context,
               TextArena& text);

}  // namespace blockwatch
