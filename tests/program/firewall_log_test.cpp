#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "server/firewall_log/plan.h"

namespace blockwatch {
namespace {

using Json = nlohmann::json;

constexpr std::uint16_t kGroup = 77;

Json match_port(int port) {
  return {{"match",
           {{"op", "=="},
            {"left", {{"payload", {{"protocol", "tcp"}, {"field", "dport"}}}}},
            {"right", port}}}};
}
const Json kDrop{{"drop", nullptr}};
const Json kAccept{{"accept", nullptr}};

// A ruleset of one table with the chain "input".
class Ruleset {
 public:
  explicit Ruleset(std::string family = "inet", const std::string& policy = "accept",
                   const std::string& type = "filter")
      : family_(std::move(family)) {
    objects_.push_back({{"metainfo", {{"json_schema_version", 1}}}});
    add("table", {{"name", "fw"}});
    chain("input", {{"type", type}, {"hook", "input"}, {"prio", 0}, {"policy", policy}});
  }
  Ruleset& add(const char* kind, Json about) {
    about["family"] = family_;
    about["handle"] = ++handle_;
    objects_.push_back({{kind, std::move(about)}});
    return *this;
  }
  Ruleset& chain(const char* name, Json about = Json::object()) {
    about["table"] = "fw";
    about["name"] = name;
    return add("chain", std::move(about));
  }
  Ruleset& rule(const char* chain, Json statements, const std::string& comment = {}) {
    Json about{{"table", "fw"}, {"chain", chain}, {"expr", std::move(statements)}};
    if (!comment.empty()) about["comment"] = comment;
    return add("rule", std::move(about));
  }
  std::string text() const { return Json{{"nftables", objects_}}.dump(); }

 private:
  std::string family_;
  Json objects_ = Json::array();
  int handle_ = 0;
};

FirewallLogPlan plan_of(const Ruleset& ruleset) {
  auto plan = plan_firewall_log(ruleset.text(), kGroup);
  EXPECT_TRUE(plan) << plan.error().message;
  return plan.value_or(FirewallLogPlan{});
}

Json commands_of(const FirewallLogPlan& plan) { return Json::parse(plan.commands)["nftables"]; }

// The statements of the rules that the plan adds to one of its chains, in order.
std::vector<Json> rules_of(const FirewallLogPlan& plan, const std::string& chain) {
  std::vector<Json> rules;
  const Json commands = commands_of(plan);
  for (const Json& command : commands) {
    if (!command.contains("add") || !command["add"].contains("rule")) continue;
    const Json& rule = command["add"]["rule"];
    EXPECT_EQ(rule["table"], "blockwatch");
    if (rule["chain"] == chain) rules.push_back(rule["expr"]);
  }
  return rules;
}

Json logged(Json conditions, const std::string& prefix) {
  conditions.push_back(
      {{"log",
        {{"prefix", prefix}, {"group", kGroup}, {"snaplen", 128}, {"queue-threshold", 64}}}});
  conditions.push_back(kAccept);
  return conditions;
}

TEST(FirewallLogTest, ACopyLogsWhereTheChainDropsAndLetsPass) {
  const auto plan = plan_of(Ruleset("inet", "drop")
                                .rule("input", Json::array({match_port(22), kAccept}))
                                .rule("input", Json::array({match_port(23), kDrop}), "no telnet"));
  EXPECT_EQ(plan.chains, std::vector<std::string>{"inet fw input"});
  EXPECT_EQ(plan.rules, 2U);
  EXPECT_TRUE(plan.unseen.empty());
  const std::vector<Json> expected{
      Json::array({match_port(22), kAccept}),
      logged(Json::array({match_port(23)}), "inet fw input 4: no telnet"),
      logged(Json::array(), "inet fw input policy")};
  EXPECT_EQ(rules_of(plan, "inet/fw/input"), expected);
}

TEST(FirewallLogTest, TheCopyIsAskedJustBeforeItsChain) {
  const auto plan = plan_of(Ruleset("inet", "drop"));
  const Json commands = commands_of(plan);
  // One transaction that begins with a new table, and no packet is ever dropped by it.
  EXPECT_TRUE(commands[0].contains("add"));
  EXPECT_TRUE(commands[1].contains("delete"));
  EXPECT_EQ(plan.commands.find("\"drop\""), std::string::npos);
  EXPECT_EQ(plan.commands.find("\"reject\""), std::string::npos);
  bool found = false;
  for (const Json& command : commands) {
    if (!command.contains("add") || !command["add"].contains("chain")) continue;
    const Json& chain = command["add"]["chain"];
    if (chain["name"] != "inet/fw/input") continue;
    found = true;
    EXPECT_EQ(chain["hook"], "input");
    EXPECT_EQ(chain["prio"], -1);
    EXPECT_EQ(chain["policy"], "accept");
  }
  EXPECT_TRUE(found);
}

TEST(FirewallLogTest, ChainsThatNeverDropAreLeftAlone) {
  const auto plan = plan_of(Ruleset().rule("input", Json::array({match_port(22), kAccept})));
  EXPECT_TRUE(plan.chains.empty());
  EXPECT_EQ(plan.rules, 0U);
}

TEST(FirewallLogTest, AnIpTableLeavesTheOtherFamilyAlone) {
  const auto plan = plan_of(Ruleset("ip", "drop"));
  const auto rules = rules_of(plan, "ip/fw/input");
  ASSERT_EQ(rules.size(), 2U);
  EXPECT_EQ(rules[0][0]["match"]["right"], "ipv6");
  EXPECT_EQ(rules[0][1], kAccept);
}

TEST(FirewallLogTest, JumpsAndSetsGetTheNamesOfOurTable) {
  const Json in_set{{"match",
                     {{"op", "=="},
                      {"left", {{"payload", {{"protocol", "ip"}, {"field", "saddr"}}}}},
                      {"right", "@bad"}}}};
  const auto plan = plan_of(
      Ruleset()
          .add("set",
               {{"table", "fw"}, {"name", "bad"}, {"type", "ipv4_addr"}, {"elem", {"192.0.2.1"}}})
          .chain("web")
          .rule("input", Json::array({match_port(80), {{"jump", {{"target", "web"}}}}}))
          .rule("web", Json::array({in_set, kDrop})));
  EXPECT_EQ(
      rules_of(plan, "inet/fw/input"),
      std::vector<Json>{Json::array({match_port(80), {{"jump", {{"target", "inet/fw/web"}}}}})});
  Json renamed = in_set;
  renamed["match"]["right"] = "@inet/fw/bad";
  EXPECT_EQ(rules_of(plan, "inet/fw/web"),
            std::vector<Json>{logged(Json::array({renamed}), "inet fw web 6")});
  EXPECT_NE(plan.commands.find(R"("name":"inet/fw/bad")"), std::string::npos);
}

TEST(FirewallLogTest, AfterAGotoThePolicyDecides) {
  const auto plan =
      plan_of(Ruleset("inet", "drop")
                  .chain("web")
                  .rule("input", Json::array({match_port(80), {{"goto", {{"target", "web"}}}}}))
                  .rule("web", Json::array({kAccept})));
  const auto rules = rules_of(plan, "inet/fw/input");
  ASSERT_EQ(rules.size(), 3U);
  EXPECT_EQ(rules[0], Json::array({match_port(80), {{"jump", {{"target", "inet/fw/web"}}}}}));
  EXPECT_EQ(rules[1], logged(Json::array({match_port(80)}), "inet fw input policy"));
}

TEST(FirewallLogTest, AMapThatDropsGoesToAChainThatLogs) {
  const Json data =
      Json::array({Json::array({"invalid", kDrop}), Json::array({"established", kAccept})});
  const Json vmap{{"vmap", {{"key", {{"ct", {{"key", "state"}}}}}, {"data", {{"set", data}}}}}};
  const auto plan = plan_of(Ruleset().rule("input", Json::array({vmap})));
  const auto rules = rules_of(plan, "inet/fw/input");
  ASSERT_EQ(rules.size(), 1U);
  EXPECT_EQ(rules[0][0]["vmap"]["data"]["set"][0][1]["jump"]["target"], "dropped/1");
  EXPECT_EQ(rules[0][0]["vmap"]["data"]["set"][1][1], kAccept);
  EXPECT_EQ(rules_of(plan, "dropped/1"),
            std::vector<Json>{logged(Json::array(), "inet fw input 3")});
}

TEST(FirewallLogTest, WhatCannotBeCopiedNeverMakesAFalseDrop) {
  const Json foreign{{"xt", nullptr}};
  const auto plan = plan_of(Ruleset("inet", "drop")
                                .rule("input", Json::array({match_port(1), foreign, kDrop}))
                                .rule("input", Json::array({match_port(2), foreign, kAccept})));
  const auto rules = rules_of(plan, "inet/fw/input");
  ASSERT_EQ(rules.size(), 2U);
  EXPECT_EQ(rules[0], Json::array({match_port(2), kAccept}));
  EXPECT_EQ(rules[1], logged(Json::array(), "inet fw input policy"));
  EXPECT_EQ(plan.unseen.size(), 2U);
}

TEST(FirewallLogTest, NothingIsDoneToThePacketTwice) {
  const Json mangle{{"mangle", {{"key", {{"meta", {{"key", "mark"}}}}}, {"value", 1}}}};
  const auto plan =
      plan_of(Ruleset("inet", "drop")
                  .rule("input", Json::array({match_port(1), mangle}))
                  .rule("input", Json::array({{{"counter", nullptr}}, {{"log", nullptr}}})));
  EXPECT_EQ(rules_of(plan, "inet/fw/input").size(), 1U);  // the policy's
  ASSERT_EQ(plan.unseen.size(), 1U);
}

TEST(FirewallLogTest, ForeignFamiliesAndTypesAreNamed) {
  for (const auto& ruleset : {Ruleset("netdev", "drop"), Ruleset("inet", "drop", "nat")}) {
    const auto plan = plan_of(ruleset);
    EXPECT_TRUE(plan.chains.empty());
    EXPECT_EQ(plan.unseen.size(), 1U);
  }
}

TEST(FirewallLogTest, TheInstalledPlanIsKnownAgain) {
  const auto plan = plan_of(Ruleset("inet", "drop"));
  // What nft lists is what was added.
  Json listed = Json::array();
  const Json commands = commands_of(plan);
  for (const Json& command : commands) {
    if (command.contains("add")) listed.push_back(command["add"]);
  }
  const auto installed = find_firewall_log(Json{{"nftables", listed}}.dump());
  EXPECT_TRUE(installed.installed);
  EXPECT_EQ(installed.group, kGroup);
  EXPECT_EQ(installed.fingerprint, plan.fingerprint);
  EXPECT_FALSE(find_firewall_log(Ruleset().text()).installed);

  // Our own table is not copied again, and other rules are another plan.
  Json both = Json::parse(Ruleset("inet", "drop").text())["nftables"];
  both.insert(both.end(), listed.begin(), listed.end());
  const auto again = plan_firewall_log(Json{{"nftables", both}}.dump(), kGroup);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->commands, plan.commands);
  EXPECT_NE(plan_of(Ruleset("inet", "drop").rule("input", Json::array({kAccept}))).fingerprint,
            plan.fingerprint);
}

TEST(FirewallLogTest, CommentsMayBeLongAndOfAnyBytes) {
  std::string umlauts;
  for (int i = 0; i < 64; ++i) umlauts += "\xc3\xa4";
  for (const std::string pad : {"", "x"}) {
    const auto plan = plan_of(Ruleset().rule("input", Json::array({kDrop}), pad + umlauts));
    const auto rules = rules_of(plan, "inet/fw/input");
    ASSERT_EQ(rules.size(), 1U);
    const auto prefix = rules[0][0]["log"]["prefix"].get<std::string>();
    EXPECT_GT(prefix.size(), 123U);
    EXPECT_LT(prefix.size(), 128U);
    EXPECT_TRUE(prefix.ends_with("..."));
  }
  std::string text = Ruleset().rule("input", Json::array({kDrop}), "latin").text();
  text.replace(text.find("latin"), 5, "l\xe4tin");
  const auto plan = plan_firewall_log(text, kGroup);
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_EQ(plan->rules, 1U);
}

TEST(FirewallLogTest, ChainsKeepApart) {
  const auto text = [](const char* table, const char* chain) {
    return Json{{"nftables",
                 {{{"table", {{"family", "inet"}, {"name", table}}}},
                  {{"chain",
                    {{"family", "inet"},
                     {"table", table},
                     {"name", chain},
                     {"type", "filter"},
                     {"hook", "input"},
                     {"prio", 0},
                     {"policy", "drop"}}}}}}}
        .dump();
  };
  std::set<std::string> names;
  for (const auto& [table, chain] : {std::pair{"a/b", "c"}, {"a", "b/c"}, {"a.-b", "c"}}) {
    const auto plan = plan_firewall_log(text(table, chain), kGroup);
    ASSERT_TRUE(plan);
    for (const Json& command : commands_of(*plan)) {
      if (!command.contains("add") || !command["add"].contains("chain")) continue;
      const auto name = command["add"]["chain"]["name"].get<std::string>();
      if (name == "about") continue;
      EXPECT_TRUE(names.insert(name).second) << name;
    }
  }
  EXPECT_EQ(names.size(), 3U);
}

TEST(FirewallLogTest, OtherTextIsRefused) {
  for (const char* text : {"", "{}", "[]", R"({"nftables":[1]})", R"({"nftables":[]})"}) {
    const auto plan = plan_firewall_log(text, kGroup);
    ASSERT_FALSE(plan) << text;
    EXPECT_EQ(plan.error().code, ErrorCode::kCorrupt);
  }
}

}  // namespace
}  // namespace blockwatch
