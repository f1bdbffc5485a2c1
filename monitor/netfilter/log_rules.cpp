#include "monitor/netfilter/log_rules.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace blockwatch {
namespace {

using netlink::Attribute;
using netlink::Bytes;
using netlink::Reader;

// Attributes of <linux/netfilter/nf_tables.h>.
enum : std::uint16_t {
  kChainTable = 1,
  kChainName = 3,
  kChainHook = 4,
  kHookNumber = 1,
  kRuleTable = 1,
  kRuleChain = 2,
  kRuleHandle = 3,
  kRuleExpressions = 4,
  kExpressionName = 1,
  kExpressionData = 2,
  kLogGroup = 1,
  kLogPrefix = 2,
  kImmediateData = 2,
  kDataVerdict = 2,
  kVerdictCode = 1,
  kGenerationId = 1,
};
constexpr std::uint32_t kAcceptCode = 1;
constexpr std::string_view kCopies = "blockwatch";
constexpr std::size_t kHeader = 4;       // struct nfgenmsg
constexpr std::size_t kMaxPrefix = 127;  // longer ones are cut: NF_LOG_PREFIXLEN with its end

// Calls `take` with each attribute; false: they contradict themselves.
template <class Take>
bool each(Bytes bytes, const Take& take) {
  Reader reader(bytes);
  while (const auto attribute = reader.attribute()) take(*attribute);
  return !reader.is_damaged();
}

std::optional<std::uint32_t> verdict_code(Bytes immediate) {
  std::optional<std::uint32_t> code;
  each(immediate, [&](const Attribute& data) {
    if (data.type != kImmediateData) return;
    each(data.payload, [&](const Attribute& verdict) {
      if (verdict.type != kDataVerdict) return;
      each(verdict.payload, [&](const Attribute& a) {
        if (a.type == kVerdictCode) code = netlink::be32(a.payload);
      });
    });
  });
  return code;
}

// Sets what an expression tells of its rule. True: it logs to a group.
bool read_expression(Bytes bytes, LogRule& rule) {
  constexpr std::array<std::string_view, 3> kNoCondition{"counter", "limit", "quota"};
  std::string_view name;
  Bytes data;
  each(bytes, [&](const Attribute& a) {
    if (a.type == kExpressionName) name = netlink::text(a.payload);
    if (a.type == kExpressionData) data = a.payload;
  });
  if (name == "log") {
    bool has_group = false;
    each(data, [&](const Attribute& a) {
      if (a.type == kLogGroup) {
        has_group = true;
        rule.group = netlink::be16(a.payload).value_or(0);
      } else if (a.type == kLogPrefix) {
        rule.prefix = netlink::text(a.payload);
      }
    });
    return has_group;
  }
  if (name == "reject") {
    rule.verdict = LogRule::Verdict::kStop;
  } else if (name == "immediate") {
    const auto code = verdict_code(data);
    if (code == 0U) rule.verdict = LogRule::Verdict::kStop;
    if (code == kAcceptCode) rule.verdict = LogRule::Verdict::kAccept;
  } else if (std::ranges::find(kNoCondition, name) == kNoCondition.end()) {
    rule.matches_all = false;
  }
  return false;
}

// Becomes what it is a copy of: "inet fw input 7: comment", "inet fw input policy", or a map's.
void become_original(LogRule& rule) {
  rule.verdict = LogRule::Verdict::kStop;
  rule.handle = 0;
  rule.place = rule.prefix.substr(0, rule.prefix.find(": "));
  const std::size_t space = rule.place.rfind(' ');
  if (space == std::string::npos || rule.place.size() >= kMaxPrefix) return;
  const std::string_view last = std::string_view(rule.place).substr(space + 1);
  const auto [end, error] = std::from_chars(last.data(), last.data() + last.size(), rule.handle);
  const bool is_handle = error == std::errc{} && end == last.data() + last.size();
  if (!is_handle) rule.handle = 0;
  if (last == "policy") rule.matches_all = true;
  if (is_handle || last == "policy") rule.place.resize(space);
}

bool mean_the_same(const LogRule& a, const LogRule& b) {
  return a.place == b.place && a.handle == b.handle && a.verdict == b.verdict &&
         a.matches_all == b.matches_all && a.hook == b.hook;
}

bool is_of(std::uint8_t rule_family, std::uint8_t packet_family) {
  return rule_family == packet_family ||
         (rule_family == netfilter::kInet &&
          (packet_family == netfilter::kIpv4 || packet_family == netfilter::kIpv6));
}

}  // namespace

bool LogRules::add(const netlink::Message& message) {
  if (message.payload.size() < kHeader) return false;
  if (message.type == kNewChainType) return add_chain(message);
  return message.type == kNewRuleType && add_rule(message);
}

bool LogRules::add_chain(const netlink::Message& message) {
  Chain chain{.family = message.payload[0]};
  bool is_base = false;
  const bool whole = each(message.payload.subspan(kHeader), [&](const Attribute& a) {
    if (a.type == kChainTable) chain.table = netlink::text(a.payload);
    if (a.type == kChainName) chain.name = netlink::text(a.payload);
    if (a.type != kChainHook) return;
    each(a.payload, [&](const Attribute& hook) {
      if (hook.type != kHookNumber) return;
      is_base = true;
      chain.hook = static_cast<std::uint8_t>(netlink::be32(hook.payload).value_or(0));
    });
  });
  if (whole && is_base) base_chains_.push_back(std::move(chain));
  return whole;
}

bool LogRules::add_rule(const netlink::Message& message) {
  LogRule rule{.family = message.payload[0], .matches_all = true};
  bool logs = false;
  const bool whole = each(message.payload.subspan(kHeader), [&](const Attribute& a) {
    if (a.type == kRuleTable) rule.table = netlink::text(a.payload);
    if (a.type == kRuleChain) rule.chain = netlink::text(a.payload);
    if (a.type == kRuleHandle) rule.handle = netlink::be64(a.payload).value_or(0);
    if (a.type != kRuleExpressions) return;
    each(a.payload, [&](const Attribute& expression) {
      logs = read_expression(expression.payload, rule) || logs;
    });
  });
  if (whole && logs) {
    rule.hook = hook_of(rule);
    rule.place = family_name(rule.family) + ' ' + rule.table + ' ' + rule.chain;
    if (rule.family == netfilter::kInet && rule.table == kCopies) become_original(rule);
    rules_.push_back(std::move(rule));
  }
  return whole;
}

std::optional<std::uint8_t> LogRules::hook_of(const LogRule& rule) const {
  for (const Chain& chain : base_chains_) {
    if (chain.family == rule.family && chain.table == rule.table && chain.name == rule.chain) {
      return chain.hook;
    }
  }
  return std::nullopt;
}

const LogRule* LogRules::find(const NflogPacket& packet) const {
  const LogRule* found = nullptr;
  for (const LogRule& rule : rules_) {
    if (rule.group != packet.group || rule.prefix != packet.prefix) continue;
    if (!is_of(rule.family, packet.family) || rule.hook.value_or(packet.hook) != packet.hook) {
      continue;
    }
    if (found != nullptr && !mean_the_same(*found, rule)) return nullptr;
    found = &rule;
  }
  return found;
}

bool LogRules::log_to(std::uint16_t group) const {
  return std::ranges::any_of(rules_, [group](const LogRule& rule) { return rule.group == group; });
}

std::optional<std::uint32_t> parse_generation(const netlink::Message& message) {
  if (message.type != kNewGenerationType || message.payload.size() < kHeader) return std::nullopt;
  std::optional<std::uint32_t> id;
  each(message.payload.subspan(kHeader), [&](const Attribute& a) {
    if (a.type == kGenerationId) id = netlink::be32(a.payload);
  });
  return id;
}

}  // namespace blockwatch
