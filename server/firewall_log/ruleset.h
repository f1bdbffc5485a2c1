#pragma once
// A ruleset as `nft -j list ruleset` tells it (libnftables-json(5)), by table.

#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace blockwatch {

// {"name": value}: how every statement and every object of libnftables is written.
const std::string& nft_key(const nlohmann::json& object);

// The member if it is a text, else an empty one.
std::string nft_text(const nlohmann::json& object, const char* member);

// The name in other letters if it has a slash; two names never become one.
std::string without_slash(const std::string& name);

struct NftChain {
  nlohmann::json about;
  std::vector<nlohmann::json> rules;

  bool is_base() const { return about.contains("hook"); }
  bool drops_by_policy() const { return nft_text(about, "policy") == "drop"; }
};

struct NftTable {
  std::string family;
  std::string name;
  bool dormant = false;  // its chains are not asked
  std::map<std::string, NftChain> chains;
  std::vector<std::pair<std::string, nlohmann::json>> sets;  // "set" or "map", and what it is

  // The chains that a packet in `from` may come to.
  std::set<std::string> reachable(const NftChain& from) const;
  // Whether a packet in the chain may end in a drop or a reject.
  bool may_drop(const NftChain& chain) const;
};

using NftObjects = std::vector<nlohmann::json>;

// What the text lists, in order; empty: it is not a ruleset (which always tells nft's version).
NftObjects parse_nft_objects(std::string_view text);

// Throws nlohmann::json::exception when a table, chain or rule has an unknown form.
std::vector<NftTable> tables_of(const NftObjects& objects);

}  // namespace blockwatch
