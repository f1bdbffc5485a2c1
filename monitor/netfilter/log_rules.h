#pragma once
// Which nftables rule logged a packet. A packet brings the rule's prefix only; the ruleset tells
// the rest, as far as one rule alone can have logged it. Pure.
//
// The table "blockwatch" of `blockwatchd firewall-log` holds copies of rules that drop. A copy lets
// pass what it logs, and its prefix names the rule or the policy that it is a copy of.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "monitor/netfilter/nflog_packet.h"

namespace blockwatch {

struct LogRule {
  enum class Verdict : std::uint8_t { kNone, kAccept, kStop };  // kNone: goes on to the next rule

  std::uint8_t family = 0;
  std::string table;
  std::string chain;
  std::string place;         // "inet fw input": family, table and chain
  std::uint64_t handle = 0;  // unlike others in its table; 0: not known
  std::uint16_t group = 0;
  std::string prefix;
  Verdict verdict = Verdict::kNone;
  bool matches_all = false;          // has no condition
  std::optional<std::uint8_t> hook;  // of its chain; none: other rules jump there
};

class LogRules {
 public:
  // Takes a message of a listing of chains or of rules. The chains come first. False: it
  // contradicts itself, or is neither.
  bool add(const netlink::Message& message);

  // Null: none, or more than one that would have logged it.
  const LogRule* find(const NflogPacket& packet) const;
  bool log_to(std::uint16_t group) const;

 private:
  struct Chain {
    std::uint8_t family = 0;
    std::string table;
    std::string name;
    std::uint8_t hook = 0;
  };
  bool add_chain(const netlink::Message& message);
  bool add_rule(const netlink::Message& message);
  std::optional<std::uint8_t> hook_of(const LogRule& rule) const;

  std::vector<Chain> base_chains_;
  std::vector<LogRule> rules_;
};

// Messages that ask for the generation of the ruleset, its chains and its rules.
inline constexpr std::uint16_t kNewChainType = 10 << 8 | 3;
inline constexpr std::uint16_t kGetChainType = 10 << 8 | 4;
inline constexpr std::uint16_t kNewRuleType = 10 << 8 | 6;
inline constexpr std::uint16_t kGetRuleType = 10 << 8 | 7;
inline constexpr std::uint16_t kNewGenerationType = 10 << 8 | 15;
inline constexpr std::uint16_t kGetGenerationType = 10 << 8 | 16;

// nullopt: it is no answer to that question.
std::optional<std::uint32_t> parse_generation(const netlink::Message& message);

}  // namespace blockwatch
