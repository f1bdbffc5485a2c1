#include "server/param_values.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <utility>

namespace blockwatch {

std::optional<std::uint64_t> parse_number(std::string_view text, std::uint64_t max) {
  std::uint64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size() || value > max) {
    return std::nullopt;
  }
  return value;
}

std::optional<NumberRange> parse_number_range(std::string_view text, std::uint64_t max) {
  std::size_t dash = text.find('-');
  auto low = parse_number(text.substr(0, dash), max);
  auto high = dash == std::string_view::npos ? low : parse_number(text.substr(dash + 1), max);
  if (!low || !high || *low > *high) return std::nullopt;
  return NumberRange{*low, *high};
}

std::optional<std::int64_t> parse_duration(std::string_view text) {
  if (text.size() < 2) return std::nullopt;
  std::int64_t unit_s = 0;
  switch (text.back()) {
    case 's':
      unit_s = 1;
      break;
    case 'm':
      unit_s = 60;
      break;
    case 'h':
      unit_s = 3600;
      break;
    case 'd':
      unit_s = 86400;
      break;
    default:
      return std::nullopt;
  }
  auto count = parse_number(text.substr(0, text.size() - 1), 999'999);
  if (!count) return std::nullopt;
  return static_cast<std::int64_t>(*count) * unit_s * Timestamp::kTicksPerSecond;
}

namespace {

std::optional<Timestamp> parse_unix_seconds(std::string_view text) {
  std::size_t point = text.find('.');
  auto seconds = parse_number(text.substr(0, point), 99'999'999'999);
  if (!seconds) return std::nullopt;
  std::int64_t fraction = 0;
  if (point != std::string_view::npos) {
    std::string digits(text.substr(point + 1));
    if (digits.empty() || digits.size() > 9) return std::nullopt;
    if (digits.find_first_not_of("0123456789") != std::string::npos) return std::nullopt;
    digits.resize(7, '0');
    fraction = static_cast<std::int64_t>(*parse_number(digits, 9'999'999));
  }
  return Timestamp{static_cast<std::int64_t>(*seconds) * Timestamp::kTicksPerSecond + fraction};
}

// There are no events outside, so the question stays the same.
Timestamp within_events(Timestamp t) { return std::clamp(t, kMinTimestamp, kMaxTimestamp); }

// A well-formed moment in a year that no event can have. parse_rfc3339 refuses those, so it is
// shown the same text with a year of the same calendar.
std::optional<Timestamp> edge_of_events(std::string stamp) {
  auto year = parse_number(std::string_view(stamp).substr(0, 4), 9999);
  if (!year || stamp.size() < 5 || (*year >= 1970 && *year < 2084)) return std::nullopt;
  bool leap = (*year % 4 == 0 && *year % 100 != 0) || *year % 400 == 0;
  stamp.replace(0, 4, leap ? "2000" : "2001");
  if (!parse_rfc3339(stamp)) return std::nullopt;
  return *year < 1970 ? kMinTimestamp : kMaxTimestamp;
}

}  // namespace

std::optional<Moment> parse_moment(std::string_view text, Timestamp now) {
  if (auto back = parse_duration(text)) {
    return Moment{within_events(Timestamp{now.ticks - *back}), back};
  }
  if (auto seconds = parse_unix_seconds(text)) return Moment{within_events(*seconds), std::nullopt};
  std::string stamp(text);
  // An offset's plus sign that was not percent-encoded arrives as a space.
  if (stamp.size() > 19 && stamp[stamp.size() - 6] == ' ') stamp[stamp.size() - 6] = '+';
  if (auto parsed = parse_rfc3339(stamp)) return Moment{within_events(*parsed), std::nullopt};
  if (auto edge = edge_of_events(std::move(stamp))) return Moment{*edge, std::nullopt};
  return std::nullopt;
}

std::optional<std::vector<std::string>> split_list(std::string_view text) {
  std::vector<std::string> values;
  std::size_t i = 0;
  for (;;) {
    std::string value;
    if (i < text.size() && text[i] == '"') {
      ++i;
      for (;;) {
        if (i == text.size()) return std::nullopt;
        if (text[i] != '"') {
          value += text[i++];
        } else if (i + 1 < text.size() && text[i + 1] == '"') {
          value += '"';
          i += 2;
        } else {
          ++i;
          break;
        }
      }
      if (i < text.size() && text[i] != ',') return std::nullopt;
    } else {
      std::size_t end = std::min(text.find(',', i), text.size());
      value.assign(text.substr(i, end - i));
      i = end;
    }
    values.push_back(std::move(value));
    if (i == text.size()) return values;
    ++i;
  }
}

namespace {

constexpr std::size_t kLongestName = 40;

// Damerau-Levenshtein distance, optimal string alignment.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1);
  std::vector<std::size_t> above(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t k = 0; k <= b.size(); ++k) above[k] = k;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t k = 1; k <= b.size(); ++k) {
      std::size_t differs = a[i - 1] == b[k - 1] ? 0 : 1;
      row[k] = std::min({above[k] + 1, row[k - 1] + 1, above[k - 1] + differs});
      if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1]) {
        row[k] = std::min(row[k], before[k - 2] + 1);
      }
    }
    std::swap(before, above);
    std::swap(above, row);
  }
  return above[b.size()];
}

}  // namespace

std::string_view nearest(std::string_view text, std::span<const std::string_view> candidates) {
  if (text.empty() || text.size() > kLongestName) return {};
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (c == '-') c = '_';
  }
  std::string_view best;
  std::size_t best_distance = std::max<std::size_t>(1, text.size() / 3) + 1;
  for (std::string_view candidate : candidates) {
    std::string plain(candidate);
    std::replace(plain.begin(), plain.end(), '-', '_');
    std::size_t distance = edit_distance(lower, plain);
    if (distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  if (!best.empty() || lower.size() < 3) return best;
  for (std::string_view candidate : candidates) {
    if (candidate.starts_with(lower)) return candidate;
  }
  return {};
}

}  // namespace blockwatch
