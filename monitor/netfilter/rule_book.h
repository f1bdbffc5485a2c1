#pragma once
// The rules that log, kept as the system has them.

#include <chrono>

#include "monitor/netfilter/log_rules.h"
#include "monitor/netfilter/nflog_api.h"

namespace blockwatch {

// One thread.
class RuleBook {
 public:
  using Clock = std::chrono::steady_clock;

  explicit RuleBook(NflogApi& api) : api_(api) {}

  // The ruleset is asked every second whether it changed, and read again if so; one that takes long
  // to read, or changes all the time, less often.
  const LogRule* find(const NflogPacket& packet, Clock::time_point now);
  bool log_to(std::uint16_t group, Clock::time_point now);

 private:
  void refresh(Clock::time_point now);
  bool read();

  NflogApi& api_;
  LogRules rules_;
  std::optional<std::uint32_t> generation_;  // of the ruleset when it was read
  Clock::time_point next_look_;
};

}  // namespace blockwatch
