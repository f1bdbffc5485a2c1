#include "monitor/netfilter/rule_book.h"

#include <algorithm>
#include <utility>

namespace blockwatch {
namespace {

constexpr std::chrono::seconds kPause{1};
// Of the time that passes, at most this part is spent on reading rules.
constexpr int kShare = 20;

}  // namespace

const LogRule* RuleBook::find(const NflogPacket& packet, Clock::time_point now) {
  if (now >= next_look_) refresh(now);
  return rules_.find(packet);
}

bool RuleBook::log_to(std::uint16_t group, Clock::time_point now) {
  if (now >= next_look_) refresh(now);
  return rules_.log_to(group);
}

void RuleBook::refresh(Clock::time_point now) {
  const auto start = Clock::now();
  std::optional<std::uint32_t> generation;
  const auto asked = api_.ask(kGetGenerationType, 0, [&](const netlink::Message& message) {
    if (const auto id = parse_generation(message)) generation = id;
  });
  if (!asked || !generation) {
    rules_ = {};  // no rules that could be seen: no handles rather than old ones
    generation_.reset();
  } else if (generation != generation_) {
    generation_.reset();
    if (read()) generation_ = generation;
  }
  next_look_ = now + std::max<Clock::duration>(kPause, (Clock::now() - start) * kShare);
}

bool RuleBook::read() {
  LogRules rules;
  const auto add = [&rules](const netlink::Message& message) { (void)rules.add(message); };
  rules_ = {};
  for (const std::uint16_t type : {kGetChainType, kGetRuleType}) {
    if (!api_.ask(type, netlink::kDump, add)) return false;
  }
  rules_ = std::move(rules);
  return true;
}

}  // namespace blockwatch
