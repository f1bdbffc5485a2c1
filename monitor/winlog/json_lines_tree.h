#pragma once
// One JSON document as a flat list of nodes that keeps numbers as they were written.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace blockwatch::winlog {

class JsonTree {
 public:
  enum class Kind : std::uint8_t { kObject, kArray, kString, kNumber, kBool, kNull };

  struct Node {
    std::string_view key;   // of the member; empty in arrays and for the root
    std::string_view text;  // decoded string, number or "true"/"false"; else empty
    Kind kind = Kind::kNull;
    std::uint32_t end = 0;  // index behind the last node below this one
  };

  // Replaces the tree; views of the old one die. Returns what is wrong (malformed, invalid UTF-8, a
  // doubled key), nullopt when nothing is. `json` must not be nested deeply: see JsonSplitter.
  std::optional<std::string> parse(std::string_view json);

  // After parse() succeeded.
  const Node& root() const { return nodes_.front(); }

  // The member of an object; null when there is none or `object` is null or no object.
  const Node* find(const Node* object, std::string_view key) const;

  // As find, ASCII letters without case; the first of several.
  const Node* find_any_case(const Node* object, std::string_view key) const;

  // Calls visit(const Node&) for each member or element.
  template <class Visit>
  void for_each(const Node& parent, Visit visit) const {
    for (std::uint32_t i = index_of(parent) + 1; i < parent.end; i = nodes_[i].end) {
      visit(nodes_[i]);
    }
  }

 private:
  class Builder;

  std::uint32_t index_of(const Node& node) const {
    return static_cast<std::uint32_t>(&node - nodes_.data());
  }

  std::vector<Node> nodes_;  // parents before children
  std::string text_;         // as long as the document at most, so that it never moves
};

}  // namespace blockwatch::winlog
