#include "server/firewall_log/ruleset.h"

#include <algorithm>

#include "server/utf8.h"

namespace blockwatch {
namespace {

using Json = nlohmann::json;

bool mentions_drop(const Json& json) {
  if (json.is_array()) return std::ranges::any_of(json, mentions_drop);
  if (!json.is_object()) return false;
  for (const auto& [key, value] : json.items()) {
    if (key == "drop" || key == "reject" || mentions_drop(value)) return true;
  }
  return false;
}

void collect_targets(const Json& json, std::set<std::string>& targets) {
  if (json.is_array()) {
    for (const Json& part : json) collect_targets(part, targets);
  } else if (json.is_object()) {
    for (const auto& [key, value] : json.items()) {
      if ((key == "jump" || key == "goto") && value.is_object()) {
        targets.insert(nft_text(value, "target"));
      }
      collect_targets(value, targets);
    }
  }
}

}  // namespace

const std::string& nft_key(const Json& object) { return object.begin().key(); }

std::string nft_text(const Json& object, const char* member) {
  const auto found = object.find(member);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

std::string without_slash(const std::string& name) {
  std::string text;
  for (const char c : name) {
    if (c == '/') {
      text += ".-";
    } else {
      text.append(c == '.' ? 2 : 1, c);
    }
  }
  return text;
}

std::set<std::string> NftTable::reachable(const NftChain& from) const {
  std::set<std::string> targets;
  for (const Json& rule : from.rules) collect_targets(rule, targets);
  // A named map may be asked anywhere in its table.
  for (const auto& [kind, about] : sets) collect_targets(about, targets);
  std::set<std::string> found;
  while (!targets.empty()) {
    const auto chain = chains.find(*targets.begin());
    targets.erase(targets.begin());
    if (chain == chains.end() || !found.insert(chain->first).second) continue;
    for (const Json& rule : chain->second.rules) collect_targets(rule, targets);
  }
  return found;
}

bool NftTable::may_drop(const NftChain& chain) const {
  const auto drops = [](const NftChain& one) {
    return std::ranges::any_of(one.rules, mentions_drop);
  };
  const std::set<std::string> targets = reachable(chain);
  return chain.drops_by_policy() || drops(chain) ||
         std::ranges::any_of(targets,
                             [&](const auto& target) { return drops(chains.at(target)); }) ||
         std::ranges::any_of(sets, [](const auto& set) { return mentions_drop(set.second); });
}

NftObjects parse_nft_objects(std::string_view text) {
  std::string valid;  // the comment of a rule may be anything
  append_valid_utf8(valid, text);
  const Json json = Json::parse(valid, nullptr, false);
  if (!json.is_object() || !json.contains("nftables") || !json["nftables"].is_array()) return {};
  const Json& objects = json["nftables"];
  const auto fits = [](const Json& one) {
    return one.is_object() && one.size() == 1 && one.begin().value().is_object();
  };
  if (!std::ranges::all_of(objects, fits)) return {};
  return {objects.begin(), objects.end()};
}

std::vector<NftTable> tables_of(const NftObjects& objects) {
  std::map<std::pair<std::string, std::string>, NftTable> tables;
  for (const Json& object : objects) {
    const std::string& kind = nft_key(object);
    const Json& about = object.begin().value();
    if (kind == "metainfo") continue;
    const std::string family = nft_text(about, "family");
    const std::string name = nft_text(about, kind == "table" ? "name" : "table");
    NftTable& table = tables[{family, name}];
    table.family = family;
    table.name = name;
    if (kind == "table") {
      const auto flags = about.find("flags");
      table.dormant = flags != about.end() && flags->dump().find("dormant") != std::string::npos;
    } else if (kind == "chain") {
      table.chains[nft_text(about, "name")].about = about;
    } else if (kind == "rule") {
      table.chains[nft_text(about, "chain")].rules.push_back(about);
    } else if (kind == "set" || kind == "map") {
      table.sets.emplace_back(kind, about);
    }
  }
  std::vector<NftTable> list;
  list.reserve(tables.size());
  for (auto& [key, table] : tables) list.push_back(std::move(table));
  return list;
}

}  // namespace blockwatch
