#pragma once
// Reading single parameter values. Each returns nullopt for text that is not exactly of its form.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "storage/query.h"

namespace blockwatch {

// Decimal digits only, no sign.
std::optional<std::uint64_t> parse_number(std::string_view text, std::uint64_t max);

// "443" or "8000-8100", low <= high <= max.
std::optional<NumberRange> parse_number_range(std::string_view text, std::uint64_t max);

// "30s", "15m", "2h", "7d" as ticks; at most six digits.
std::optional<std::int64_t> parse_duration(std::string_view text);

// A moment: RFC 3339, Unix seconds with up to 7 decimals, or a duration back from `now`, which
// is then also given as `back` (ticks). Moved into [kMinTimestamp, kMaxTimestamp], where all events
// are.
struct Moment {
  Timestamp time;
  std::optional<std::int64_t> back;
};
std::optional<Moment> parse_moment(std::string_view text, Timestamp now);

// Splits at commas. A value in double quotes may hold commas, and quotes as "". nullopt: a quote is
// not closed or something follows it. Values may be empty (the caller's fault to name).
std::optional<std::vector<std::string>> split_list(std::string_view text);

// The nearest candidate within an edit distance (insert, delete, replace, swap neighbours) that a
// slip of the hand explains (a third of the length at most), else one that begins with the text;
// empty: none.
std::string_view nearest(std::string_view text, std::span<const std::string_view> candidates);

}  // namespace blockwatch
