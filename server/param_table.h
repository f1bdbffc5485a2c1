#pragma once
// THE table of parameters: one row each, used to parse, to guess what was meant, and for help.

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "server/params.h"

namespace blockwatch {

// A set of Takers.
using Takers = std::uint32_t;
constexpr Takers takers(Taker t) { return Takers{1} << static_cast<unsigned>(t); }
template <class... Rest>
constexpr Takers takers(Taker first, Rest... rest) {
  return takers(first) | takers(rest...);
}

enum class ParameterKind : std::uint8_t {
  kSingle,  // once, one value
  kList,    // comma list, may be repeated
  kFilter,  // as kList, and NAME__not takes the values that are not wanted
};

// What a parser gets: one value of a list, or the whole of a single parameter. Never empty.
struct ParameterValue {
  std::string_view text;
  bool negated = false;
  Timestamp now;
};

struct ParameterRow {
  std::string_view name;
  ParameterKind kind;
  Takers takers;
  std::string_view expected;  // in words, for faults and help
  // Stores the value and returns true, or returns false.
  bool (*parse)(ApiQuery& query, const ParameterValue& value);
  // The words that are accepted, to guess from; may be empty.
  std::span<const std::string_view> words = {};
};

std::span<const ParameterRow> parameter_table();

}  // namespace blockwatch
