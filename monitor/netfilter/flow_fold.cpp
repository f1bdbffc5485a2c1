#include "monitor/netfilter/flow_fold.h"

#include <utility>

namespace blockwatch {

void FlowFold::set_key(const NflogPacket& packet) {
  key_.clear();
  const auto put = [this](std::uint32_t number) { append_number(number, key_); };
  put(std::uint32_t{packet.family} << 24 | std::uint32_t{packet.hook} << 16 | packet.ethernet_type);
  put(packet.in_interface.value_or(0));
  put(packet.out_interface.value_or(0));
  put(packet.uid.value_or(~0U));
  if (packet.packet) append_flow(*packet.packet, key_);
  key_ += packet.prefix;
}

bool FlowFold::begins(const NflogPacket& packet, Clock::time_point now) {
  set_key(packet);
  const auto found = flows_.find(std::string_view(key_));
  if (found == flows_.end()) {
    if (flows_.size() >= most_) end_oldest(now, early_, true);
    oldest_first_.push_back(&*flows_.emplace(key_, Flow{.since = now}).first);
    return true;
  }
  ++found->second.repeats.count;
  found->second.repeats.last = packet;
  return false;
}

void FlowFold::end_oldest(Clock::time_point now, std::vector<Repeats>& told, bool forget) {
  Flows::value_type* const flow = oldest_first_.front();
  oldest_first_.pop_front();
  Repeats& repeats = flow->second.repeats;
  const bool repeated = repeats.count > 0;
  if (repeated) told.push_back(std::exchange(repeats, {}));
  if (forget || !repeated) {
    flows_.erase(flows_.find(flow->first));
    return;
  }
  flow->second.since = now;
  oldest_first_.push_back(flow);
}

std::vector<FlowFold::Repeats> FlowFold::due(Clock::time_point now) {
  std::vector<Repeats> told = std::exchange(early_, {});
  while (!oldest_first_.empty() && now - oldest_first_.front()->second.since >= window_) {
    end_oldest(now, told, false);
  }
  return told;
}

std::vector<FlowFold::Repeats> FlowFold::drain() {
  std::vector<Repeats> told = std::exchange(early_, {});
  while (!oldest_first_.empty()) end_oldest({}, told, true);
  return told;
}

}  // namespace blockwatch
