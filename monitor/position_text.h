#pragma once
// Positions of sources as text: a version, then whole numbers, each after a space.

#include <charconv>
#include <string_view>

namespace blockwatch {

class PositionText {
 public:
  explicit PositionText(std::string_view text) : rest_(text) {}

  bool take_version(char version) {
    if (!rest_.starts_with(version)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  // False: no number, or none that `value` can hold, comes next.
  template <class Int>
  bool take(Int& value) {
    if (!rest_.starts_with(' ')) return false;
    const auto [end, error] = std::from_chars(rest_.data() + 1, rest_.data() + rest_.size(), value);
    if (error != std::errc{}) return false;
    rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
    return true;
  }
  bool at_end() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

}  // namespace blockwatch
