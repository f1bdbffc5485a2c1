#pragma once
// Who sent the packets that were dropped a moment ago. Pure; never the sender of another packet.

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <unordered_map>

#include "monitor/netfilter/nflog_packet.h"
#include "monitor/netfilter/sip_hash.h"

namespace blockwatch {

class RecentSenders {
 public:
  using Clock = std::chrono::steady_clock;

  // Holds at most twice `most` packets.
  RecentSenders(Clock::duration window, std::size_t most) : window_(window), most_(most) {}

  void add(const Packet& packet, const PacketSender& sender, Clock::time_point time);
  // Null: nobody sent such a packet within the window, or more than one process did.
  std::shared_ptr<const PacketSender> find(const Packet& packet, Clock::time_point now);
  void clear();
  std::size_t size() const { return young_.size() + old_.size(); }

 private:
  struct Sent {
    std::shared_ptr<const PacketSender> sender;  // null: more than one
    Clock::time_point time;
  };
  // By the packet as bytes.
  using Table = std::unordered_map<std::string, Sent, SipHash, std::equal_to<>>;

  const Sent* look_up(const Packet& packet, Clock::time_point now);

  const Clock::duration window_;
  const std::size_t most_;
  Table young_;
  Table old_;  // forgotten as a whole when the young ones are as many
  std::string key_;
};

}  // namespace blockwatch
