#pragma once
// Packets that repeat a flow that was told of a moment ago are counted, and told of together once
// the time is over: a flood costs rows by its flows, not by its packets. Pure.

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "monitor/netfilter/nflog_packet.h"
#include "monitor/netfilter/sip_hash.h"

namespace blockwatch {

class FlowFold {
 public:
  using Clock = std::chrono::steady_clock;
  struct Repeats {
    NflogPacket last;
    std::uint64_t count = 0;  // at least 1
  };

  // Beyond `most` flows the oldest are told of before their time.
  FlowFold(Clock::duration window, std::size_t most) : window_(window), most_(most) {}

  // True: the first of its flow for a while, to be told of at once. False: it was counted.
  // `packet` has its time.
  bool begins(const NflogPacket& packet, Clock::time_point now);

  // What is to be told by now. Flows that did not repeat are forgotten.
  std::vector<Repeats> due(Clock::time_point now);
  // All of it; every flow begins anew.
  std::vector<Repeats> drain();

 private:
  struct Flow {
    Clock::time_point since;
    Repeats repeats;
  };
  // By what makes a flow, as bytes.
  using Flows = std::unordered_map<std::string, Flow, SipHash, std::equal_to<>>;

  void end_oldest(Clock::time_point now, std::vector<Repeats>& told, bool forget);
  void set_key(const NflogPacket& packet);

  const Clock::duration window_;
  const std::size_t most_;
  Flows flows_;
  std::deque<Flows::value_type*> oldest_first_;  // every flow once, by `since`
  std::vector<Repeats> early_;                   // had to go before their time
  std::string key_;                              // of the packet at hand
};

}  // namespace blockwatch
