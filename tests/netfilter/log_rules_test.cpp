#include "monitor/netfilter/log_rules.h"

#include <gtest/gtest.h>

#include "tests/netfilter/nflog_builder.h"

namespace blockwatch {
namespace {

constexpr std::uint32_t kDrop = 0;
constexpr std::uint32_t kAccept = 1;
constexpr std::uint32_t kJump = 0xfffffffd;  // -3

class LogRulesTest : public testing::Test {
 protected:
  bool add(const std::string& bytes) {
    netlink::Reader reader(bytes_of(bytes));
    return rules_.add(*reader.message());
  }
  static Expressions logging(const std::string& prefix, std::uint32_t verdict = kDrop,
                             std::uint16_t group = 8470) {
    return [=](netlink::Writer& writer) {
      put_expression(writer, "counter");
      put_log(writer, group, prefix);
      put_verdict(writer, verdict);
    };
  }
  const LogRule* find(const std::string& prefix, std::uint8_t hook = netfilter::kLocalIn,
                      std::uint8_t family = netfilter::kIpv4, std::uint16_t group = 8470) {
    return rules_.find({.family = family, .group = group, .hook = hook, .prefix = prefix});
  }

  LogRules rules_;
};

TEST_F(LogRulesTest, APrefixNamesItsRule) {
  EXPECT_TRUE(add(chain_message(netfilter::kInet, "guard", "input", netfilter::kLocalIn)));
  EXPECT_TRUE(add(rule_message(netfilter::kInet, "guard", "input", 7, logging("a "))));
  EXPECT_TRUE(add(rule_message(netfilter::kInet, "guard", "input", 1ULL << 40, logging("b "))));
  const LogRule* rule = find("b ");
  ASSERT_NE(rule, nullptr);
  EXPECT_EQ(rule->handle, 1ULL << 40);
  EXPECT_EQ(rule->table, "guard");
  EXPECT_EQ(rule->chain, "input");
  EXPECT_EQ(rule->verdict, LogRule::Verdict::kStop);
  EXPECT_TRUE(rule->matches_all);
  EXPECT_EQ(rule->hook, netfilter::kLocalIn);
  EXPECT_EQ(find("c "), nullptr);
  EXPECT_EQ(find("a ", netfilter::kLocalIn, netfilter::kIpv4, 1), nullptr);
  EXPECT_EQ(find("a ", netfilter::kLocalOut), nullptr);
  EXPECT_EQ(find("a ", netfilter::kLocalIn, netfilter::kBridge), nullptr);
  EXPECT_NE(find("a ", netfilter::kLocalIn, netfilter::kIpv6), nullptr);
  EXPECT_TRUE(rules_.log_to(8470));
  EXPECT_FALSE(rules_.log_to(1));
}

TEST_F(LogRulesTest, OfTwoRulesThatMayHaveLoggedItNoneIsNamed) {
  add(chain_message(netfilter::kIpv4, "t", "in", netfilter::kLocalIn));
  add(chain_message(netfilter::kIpv4, "t", "out", netfilter::kLocalOut));
  add(rule_message(netfilter::kIpv4, "t", "in", 1, logging("x")));
  add(rule_message(netfilter::kIpv4, "t", "out", 2, logging("x")));
  EXPECT_EQ(find("x")->handle, 1U);  // the hooks tell them apart
  add(rule_message(netfilter::kIpv4, "t", "shared", 3, logging("x")));
  EXPECT_EQ(find("x"), nullptr);  // other rules may jump there from both
}

TEST_F(LogRulesTest, VerdictsAndConditions) {
  add(rule_message(netfilter::kIpv4, "t", "c", 1, logging("accept", kAccept)));
  add(rule_message(netfilter::kIpv4, "t", "c", 2, logging("jump", kJump)));
  add(rule_message(netfilter::kIpv4, "t", "c", 3, [](netlink::Writer& writer) {
    put_expression(writer, "meta");
    put_expression(writer, "cmp");
    put_log(writer, 8470, "reject");
    put_expression(writer, "reject");
  }));
  EXPECT_EQ(find("accept")->verdict, LogRule::Verdict::kAccept);
  EXPECT_EQ(find("jump")->verdict, LogRule::Verdict::kNone);
  EXPECT_EQ(find("reject")->verdict, LogRule::Verdict::kStop);
  EXPECT_FALSE(find("reject")->matches_all);
}

TEST_F(LogRulesTest, ACopyStandsForTheRuleThatItsPrefixNames) {
  add(chain_message(netfilter::kInet, "blockwatch", "inet/fw/input", netfilter::kLocalIn));
  const auto copy = [&](const std::string& chain, std::uint64_t handle, const std::string& prefix) {
    add(rule_message(netfilter::kInet, "blockwatch", chain, handle, [&](netlink::Writer& writer) {
      if (prefix != "inet fw input policy") put_expression(writer, "cmp");
      put_log(writer, 8470, prefix);
      put_verdict(writer, kAccept);
    }));
  };
  copy("inet/fw/input", 3, "inet fw input 71: no telnet: 23");
  copy("inet/fw/input", 4, "inet fw input policy");
  copy("inet/fw/input", 5, "inet fw input policy");  // also where a goto ends
  copy("dropped/1", 6, "ip nat @ports");
  const LogRule* rule = find("inet fw input 71: no telnet: 23");
  ASSERT_NE(rule, nullptr);
  EXPECT_EQ(rule->handle, 71U);
  EXPECT_EQ(rule->place, "inet fw input");
  EXPECT_EQ(rule->verdict, LogRule::Verdict::kStop);
  EXPECT_FALSE(rule->matches_all);
  rule = find("inet fw input policy");
  ASSERT_NE(rule, nullptr);
  EXPECT_EQ(rule->handle, 0U);
  EXPECT_EQ(rule->place, "inet fw input");
  EXPECT_TRUE(rule->matches_all && rule->hook);
  rule = find("ip nat @ports");
  ASSERT_NE(rule, nullptr);
  EXPECT_EQ(rule->place, "ip nat @ports");
  EXPECT_EQ(rule->handle, 0U);
}

TEST_F(LogRulesTest, AHandleThatMayBeCutOffIsNone) {
  const auto handle_of = [&](const std::string& prefix) {
    add(rule_message(netfilter::kInet, "blockwatch", "c", 1, logging(prefix)));
    return find(prefix)->handle;
  };
  const std::string place = "inet fw " + std::string(116, 'c');
  EXPECT_EQ(handle_of(place + " 1"), 1U);
  EXPECT_EQ(handle_of(place + " 12"), 0U);  // of 1234, perhaps
  EXPECT_EQ(handle_of("inet fw in 12..."), 0U);
  EXPECT_EQ(handle_of("inet fw in 12: " + std::string(112, 'x')), 12U);
}

TEST_F(LogRulesTest, RulesThatLogToTheKernelsLogAreNotOurs) {
  EXPECT_TRUE(add(rule_message(netfilter::kIpv4, "t", "c", 1, [](netlink::Writer& writer) {
    put_expression(writer, "log",
                   [](netlink::Writer& log) { log.bytes(2, std::string("x\0", 2)); });
  })));
  EXPECT_FALSE(rules_.log_to(0));
}

TEST_F(LogRulesTest, DamageIsNoRule) {
  const std::string whole = rule_message(netfilter::kIpv4, "t", "c", 1, logging("x"));
  for (std::size_t size = 0; size + 20 < whole.size(); ++size) {
    const std::string payload = whole.substr(16, size);
    LogRules rules;
    rules.add({.type = kNewRuleType, .payload = bytes_of(payload)});
    EXPECT_FALSE(rules.log_to(8470) && size < 40) << size;
  }
  EXPECT_FALSE(add(generation_message(3)));
}

TEST(GenerationTest, IsRead) {
  const std::string bytes = generation_message(12);
  netlink::Reader reader(bytes_of(bytes));
  EXPECT_EQ(parse_generation(*reader.message()), 12U);
  EXPECT_EQ(parse_generation({.type = kNewGenerationType}), std::nullopt);
}

}  // namespace
}  // namespace blockwatch
