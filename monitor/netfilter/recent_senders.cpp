#include "monitor/netfilter/recent_senders.h"

#include <utility>

namespace blockwatch {

// Sets key_.
const RecentSenders::Sent* RecentSenders::look_up(const Packet& packet, Clock::time_point now) {
  key_.clear();
  append_flow(packet, key_);
  append_number(packet.length, key_);
  for (const Table* table : {&young_, &old_}) {
    const auto found = table->find(std::string_view(key_));
    if (found != table->end()) return now - found->second.time < window_ ? &found->second : nullptr;
  }
  return nullptr;
}

void RecentSenders::add(const Packet& packet, const PacketSender& sender, Clock::time_point time) {
  const Sent* const before = look_up(packet, time);
  std::shared_ptr<const PacketSender> known;
  if (before == nullptr) {
    known = std::make_shared<const PacketSender>(sender);
  } else if (before->sender && *before->sender == sender) {
    known = before->sender;
  }
  if (young_.size() >= most_) old_ = std::exchange(young_, {});
  young_.insert_or_assign(key_, Sent{std::move(known), time});
}

std::shared_ptr<const PacketSender> RecentSenders::find(const Packet& packet,
                                                        Clock::time_point now) {
  const Sent* const sent = look_up(packet, now);
  return sent != nullptr ? sent->sender : nullptr;
}

void RecentSenders::clear() {
  young_.clear();
  old_.clear();
}

}  // namespace blockwatch
