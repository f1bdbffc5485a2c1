#include "server/firewall_log/plan.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "server/firewall_log/ruleset.h"
#include "server/utf8.h"

namespace blockwatch {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kFamily = "inet";
constexpr const char* kAboutChain = "about";
constexpr std::size_t kMaxPrefix = 124;  // NF_LOG_PREFIXLEN less its end and "..."
constexpr int kSnapLength = 128;         // bytes of a packet: all headers
constexpr int kQueueThreshold = 64;

// libnftables-json(5) names these. What only changes a packet, or counts, decides nothing here.
constexpr std::array kConditions{"match", "limit", "quota", "ct count", "set"};
constexpr std::array kLeftOut{"counter",   "log",        "last",          "notrack",
                              "dup",       "fwd",        "flow",          "tproxy",
                              "ct helper", "ct timeout", "ct expectation"};
constexpr std::array kPassed{"accept", "queue", "synproxy"};  // a queue's answer nobody knows

template <class List>
bool is_one_of(const List& list, const std::string& name) {
  return std::ranges::find(list, name) != list.end();
}

// 64-bit FNV-1a: tells rulesets apart, guards nothing.
std::string fingerprint_of(const std::string& text) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  std::string hex(16, '0');
  for (auto digit = hex.rbegin(); digit != hex.rend(); ++digit, hash >>= 4U) {
    *digit = "0123456789abcdef"[hash & 15U];
  }
  return hex;
}

// The name of a table's chain or set in our table.
std::string ours(const NftTable& table, const std::string& name) {
  return table.family + '/' + without_slash(table.name) + '/' + without_slash(name);
}

// For people.
std::string words(const NftTable& table, const std::string& name) {
  return table.family + ' ' + table.name + ' ' + name;
}

class Planner {
 public:
  explicit Planner(std::uint16_t group) : group_(group) {}

  FirewallLogPlan plan(const std::vector<NftTable>& tables) {
    for (const NftTable& table : tables) {
      const bool is_ours = table.family == kFamily && table.name == kFirewallLogTable;
      if (!is_ours && !table.dormant) shadow(table);
    }
    FirewallLogPlan plan;
    plan.fingerprint = fingerprint_of(stable_.dump());
    const Json table{{"family", kFamily}, {"name", kFirewallLogTable}};
    // The first makes sure that there is something to delete.
    Json all = Json::array({{{"add", {{"table", table}}}},
                            {{"delete", {{"table", table}}}},
                            {{"add", {{"table", table}}}}});
    add_about_chain(plan.fingerprint);
    for (const Json* part : {&chains_, &sets_, &rules_}) {
      for (const Json& object : *part) all.push_back({{"add", object}});
    }
    plan.commands = Json{{"nftables", all}}.dump();
    plan.chains = std::move(shadowed_);
    plan.rules = logging_rules_;
    plan.unseen.assign(unseen_.begin(), unseen_.end());
    return plan;
  }

 private:
  void shadow(const NftTable& table) {
    const bool known_family =
        table.family == kFamily || table.family == "ip" || table.family == "ip6";
    std::set<std::string> wanted;
    for (const auto& [name, chain] : table.chains) {
      if (!chain.is_base() || !table.may_drop(chain)) continue;
      const std::string type = nft_text(chain.about, "type");
      if (!known_family || (type != "filter" && type != "route")) {
        unseen_.insert("chain " + words(table, name) + ": chains of family " + table.family +
                       ", type " + type + " are not copied");
        continue;
      }
      add_base_chain(table, name, chain);
      wanted.merge(table.reachable(chain));
    }
    for (const std::string& name : wanted) {
      add_chain({{"name", ours(table, name)}});
      add_rules(table, name, table.chains.at(name));
    }
    if (!shadowed_any_) return;
    for (const auto& [kind, about] : table.sets) add_set(table, kind, about);
    shadowed_any_ = false;
  }

  void add_chain(Json about) {
    about["family"] = kFamily;
    about["table"] = kFirewallLogTable;
    stable_.push_back(about);
    chains_.push_back({{"chain", std::move(about)}});
  }

  void add_rule(const std::string& chain, Json statements, const std::string& comment = {}) {
    Json rule{{"family", kFamily},
              {"table", kFirewallLogTable},
              {"chain", chain},
              {"expr", std::move(statements)}};
    if (!comment.empty()) rule["comment"] = comment;
    stable_.push_back(rule);
    rules_.push_back({{"rule", std::move(rule)}});
  }

  void add_about_chain(const std::string& fingerprint) {
    add_chain({{"name", kAboutChain}});
    add_rule(kAboutChain, Json::array({{{"return", nullptr}}}),
             "group " + std::to_string(group_) + " plan " + fingerprint);
  }

  void add_base_chain(const NftTable& table, const std::string& name, const NftChain& chain) {
    shadowed_.push_back(words(table, name));
    shadowed_any_ = true;
    add_chain({{"name", ours(table, name)},
               {"type", "filter"},
               {"hook", chain.about.at("hook")},
               {"prio", chain.about.value("prio", 0) - 1},
               {"policy", "accept"}});
    if (table.family != kFamily) {
      const char* const other = table.family == "ip" ? "ipv6" : "ipv4";
      add_rule(
          ours(table, name),
          Json::array(
              {{{"match",
                 {{"op", "=="}, {"left", {{"meta", {{"key", "nfproto"}}}}}, {"right", other}}}},
               {{"accept", nullptr}}}));
    }
    add_rules(table, name, chain);
    if (chain.drops_by_policy()) {
      Json end = Json::array();
      append_log(end, words(table, name) + " policy");
      add_rule(ours(table, name), std::move(end));
    }
  }

  // Logs, and ends this copy of the chain: what the packet's other chains say is for their copies.
  void append_log(Json& statements, const std::string& prefix) {
    statements.push_back({{"log",
                           {{"prefix", shorten_utf8(prefix, kMaxPrefix)},
                            {"group", group_},
                            {"snaplen", kSnapLength},
                            {"queue-threshold", kQueueThreshold}}}});
    statements.push_back({{"accept", nullptr}});
    ++logging_rules_;
  }

  static std::string prefix_of(const NftTable& table, const std::string& chain, const Json& rule) {
    std::string prefix = words(table, chain) + ' ' + std::to_string(rule.value("handle", 0));
    if (const std::string comment = nft_text(rule, "comment"); !comment.empty()) {
      prefix += ": " + comment;
    }
    return prefix;
  }

  void add_rules(const NftTable& table, const std::string& name, const NftChain& chain) {
    for (const Json& rule : chain.rules) add_copy(table, name, chain, rule);
  }

  void add_copy(const NftTable& table, const std::string& name, const NftChain& chain,
                const Json& rule) {
    const std::string prefix = prefix_of(table, name, rule);
    Json statements = Json::array();
    Json verdict;
    std::string unknown;
    for (const Json& statement : rule.value("expr", Json::array())) {
      if (!statement.is_object() || statement.empty()) continue;
      const std::string& key = nft_key(statement);
      const Json& value = statement.begin().value();
      // A name instead of a description: an object beside the rules, whose state is not ours.
      const bool by_name = value.is_string() && (key == "limit" || key == "quota");
      if (key == "mangle") {
        unseen_.insert("rule " + prefix +
                       ": rules after it are judged before it changes the packet");
      } else if (is_one_of(kLeftOut, key)) {
        continue;
      } else if (is_one_of(kConditions, key) && !by_name) {
        statements.push_back(renamed(table, statement));
      } else if (is_verdict(key)) {
        verdict = statement;
      } else {
        unknown = key;
      }
    }
    if (verdict.is_null()) {
      if (unknown.empty() && !statements.empty() && has_state(statements)) {
        add_rule(ours(table, name), std::move(statements));
      }
      return;
    }
    const std::string& key = nft_key(verdict);
    const bool drops = key == "drop" || key == "reject";
    if (!unknown.empty()) {
      // Never tell of a drop that was none: where it cannot be known, the copy lets pass.
      unseen_.insert(
          "rule " + prefix + ": \"" + unknown + "\" cannot be copied; " +
          (drops ? "what it drops is not logged" : "drops after it in this chain may go unlogged"));
      if (!drops) {
        statements.push_back({{"accept", nullptr}});
        add_rule(ours(table, name), std::move(statements));
      }
    } else if (drops) {
      append_log(statements, prefix);
      add_rule(ours(table, name), std::move(statements));
    } else if (key == "goto") {
      add_goto(table, name, chain, std::move(statements), verdict);
    } else if (is_one_of(kPassed, key)) {
      statements.push_back({{"accept", nullptr}});
      add_rule(ours(table, name), std::move(statements));
    } else {
      statements.push_back(key == "vmap" ? copy_of_map(table, verdict, prefix)
                                         : renamed(table, verdict));
      add_rule(ours(table, name), std::move(statements));
    }
  }

  // A chain that was gone to does not come back: what called this one goes on, or the policy
  // decides.
  void add_goto(const NftTable& table, const std::string& name, const NftChain& chain,
                Json statements, const Json& verdict) {
    Json after = statements;
    statements.push_back(renamed(table, {{"jump", verdict.at("goto")}}));
    add_rule(ours(table, name), std::move(statements));
    if (chain.drops_by_policy()) {
      append_log(after, words(table, name) + " policy");
    } else {
      after.push_back({{"return", nullptr}});
    }
    add_rule(ours(table, name), std::move(after));
  }

  static bool is_verdict(const std::string& key) {
    constexpr std::array kVerdicts{"accept", "drop",   "continue", "return", "jump",
                                   "goto",   "reject", "synproxy", "queue",  "vmap"};
    return is_one_of(kVerdicts, key);
  }

  // Whether a rule without a verdict matters: it fills a set.
  static bool has_state(const Json& statements) {
    return std::ranges::any_of(statements, [](const Json& one) { return one.contains("set"); });
  }

  // With the names that sets and chains have in our table. An interface goes by its name: numbers
  // change when it is made anew.
  static Json renamed(const NftTable& table, const Json& json) {
    if (json.is_string()) {
      const std::string text = json.get<std::string>();
      return text.starts_with('@') ? Json('@' + ours(table, text.substr(1))) : json;
    }
    if (json.is_array()) {
      Json copy = Json::array();
      for (const Json& part : json) copy.push_back(renamed(table, part));
      return copy;
    }
    if (!json.is_object()) return json;
    Json copy = Json::object();
    const bool is_jump = json.contains("target") && json.size() == 1;
    const std::string right = nft_text(json, "right");
    for (const auto& [key, value] : json.items()) {
      if (is_jump) {
        copy[key] = ours(table, value.get<std::string>());
      } else if (key == "left" && value.contains("meta") && !right.empty() && right[0] != '@') {
        Json left = value;
        const std::string meta = nft_text(left["meta"], "key");
        if (meta == "iif" || meta == "oif") left["meta"]["key"] = meta + "name";
        copy[key] = left;
      } else {
        copy[key] = renamed(table, value);
      }
    }
    return copy;
  }

  // Where a map says drop, the copy goes to a chain that logs.
  Json copy_of_map(const NftTable& table, const Json& vmap, const std::string& prefix) {
    Json copy = renamed(table, vmap);
    Json& data = copy["vmap"]["data"];
    if (data.is_object() && data.contains("set")) replace_drops(data["set"], prefix);
    return copy;
  }

  void replace_drops(Json& elements, const std::string& prefix) {
    std::string chain;
    for (Json& element : elements) {
      if (!element.is_array() || element.size() != 2) continue;
      Json& verdict = element[1];
      if (!verdict.is_object() || verdict.empty()) continue;
      if (nft_key(verdict) == "drop") {
        if (chain.empty()) chain = add_drop_chain(prefix);
        verdict = Json{{"jump", {{"target", chain}}}};
      } else if (nft_key(verdict) == "goto") {
        verdict = Json{{"jump", verdict["goto"]}};
        unseen_.insert("rule " + prefix + ": rules after it are asked where \"goto\" ends them");
      }
    }
  }

  std::string add_drop_chain(const std::string& prefix) {
    const std::string name = "dropped/" + std::to_string(++drop_chains_);
    add_chain({{"name", name}});
    Json statements = Json::array();
    append_log(statements, prefix);
    add_rule(name, std::move(statements));
    return name;
  }

  void add_set(const NftTable& table, const std::string& kind, const Json& about) {
    const std::string name = nft_text(about, "name");
    Json copy = about;
    copy.erase("handle");
    copy["family"] = kFamily;
    copy["table"] = kFirewallLogTable;
    copy["name"] = ours(table, name);
    if (kind == "map" && nft_text(about, "map") == "verdict" && copy.contains("elem")) {
      copy["elem"] = renamed(table, copy["elem"]);
      replace_drops(copy["elem"], words(table, '@' + name));
    }
    Json stable = copy;
    // Members that come and go by themselves are no change of the rules.
    if (about.contains("flags") && about["flags"].dump().find("timeout") != std::string::npos) {
      stable.erase("elem");
      unseen_.insert("set " + words(table, name) +
                     ": members added later are not known to the copy");
    }
    stable_.push_back(std::move(stable));
    sets_.push_back({{kind, std::move(copy)}});
  }

  std::uint16_t group_;
  Json chains_ = Json::array();
  Json sets_ = Json::array();
  Json rules_ = Json::array();
  Json stable_ = Json::array();
  std::vector<std::string> shadowed_;
  bool shadowed_any_ = false;  // of the table at hand
  std::size_t logging_rules_ = 0;
  std::size_t drop_chains_ = 0;
  std::set<std::string> unseen_;
};

}  // namespace

Result<FirewallLogPlan> plan_firewall_log(std::string_view ruleset, std::uint16_t group) {
  const NftObjects objects = parse_nft_objects(ruleset);
  if (objects.empty()) {
    return make_error(ErrorCode::kCorrupt, "expected what `nft -j list ruleset` prints");
  }
  try {
    return Planner(group).plan(tables_of(objects));
  } catch (const Json::exception& error) {
    return make_error(ErrorCode::kCorrupt,
                      std::string("the ruleset has a form that is not known: ") + error.what());
  }
}

std::string remove_firewall_log() {
  const Json table{{"table", {{"family", kFamily}, {"name", kFirewallLogTable}}}};
  return Json{{"nftables", Json::array({{{"add", table}}, {{"delete", table}}})}}.dump();
}

InstalledFirewallLog find_firewall_log(std::string_view ruleset) {
  InstalledFirewallLog installed;
  for (const Json& object : parse_nft_objects(ruleset)) {
    const Json& about = object.begin().value();
    const char* const name = nft_key(object) == "table" ? "name" : "table";
    if (nft_text(about, "family") != kFamily || nft_text(about, name) != kFirewallLogTable)
      continue;
    installed.installed = true;
    if (nft_text(about, "chain") != kAboutChain) continue;
    // "group N plan HEX"
    const std::string comment = nft_text(about, "comment");
    const std::size_t plan = comment.find(" plan ");
    if (!comment.starts_with("group ") || plan == std::string::npos) continue;
    installed.group = static_cast<std::uint16_t>(std::strtoul(comment.c_str() + 6, nullptr, 10));
    installed.fingerprint = comment.substr(plan + 6);
  }
  return installed;
}

}  // namespace blockwatch
