#include "storage/timestamp.h"

#include <array>
#include <chrono>

namespace blockwatch {
namespace {

constexpr std::int64_t kTicksPerDay = 86'400 * Timestamp::kTicksPerSecond;
// Days from 1601-01-01 to 1970-01-01 (MS-DTYP 2.3.3).
constexpr std::int64_t kFiletimeEpochTicks = std::int64_t{134'774} * kTicksPerDay;

char* append_digits(char* out, std::uint64_t value, int width) {
  for (int i = width - 1; i >= 0; --i) {
    out[i] = static_cast<char>('0' + value % 10);
    value /= 10;
  }
  return out + width;
}

// Reads exactly `width` digits.
bool take_digits(std::string_view& text, int width, unsigned& value) {
  if (text.size() < static_cast<std::size_t>(width)) return false;
  value = 0;
  for (int i = 0; i < width; ++i) {
    char c = text[static_cast<std::size_t>(i)];
    if (c < '0' || c > '9') return false;
    value = value * 10 + static_cast<unsigned>(c - '0');
  }
  text.remove_prefix(static_cast<std::size_t>(width));
  return true;
}

bool take_char(std::string_view& text, std::string_view accepted) {
  if (text.empty() || accepted.find(text.front()) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

struct Parsed {
  std::int64_t ticks = 0;
  bool has_zone = false;
};

bool parse(std::string_view text, Parsed& result) {
  unsigned year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
  if (!take_digits(text, 4, year) || !take_char(text, "-") || !take_digits(text, 2, month) ||
      !take_char(text, "-") || !take_digits(text, 2, day) || !take_char(text, "Tt ") ||
      !take_digits(text, 2, hour) || !take_char(text, ":") || !take_digits(text, 2, minute) ||
      !take_char(text, ":") || !take_digits(text, 2, second)) {
    return false;
  }
  const std::chrono::year_month_day date{std::chrono::year{static_cast<int>(year)},
                                         std::chrono::month{month}, std::chrono::day{day}};
  if (!date.ok() || hour > 23 || minute > 59 || second > 59) return false;

  std::int64_t fraction = 0;
  if (take_char(text, ".,")) {
    std::size_t digits = 0;
    while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') ++digits;
    if (digits == 0 || digits > 9) return false;
    for (std::size_t i = 0; i < 7; ++i) {
      fraction = fraction * 10 + (i < digits ? text[i] - '0' : 0);
    }
    text.remove_prefix(digits);
  }

  std::int64_t offset_minutes = 0;
  if (take_char(text, "Zz")) {
    result.has_zone = true;
  } else if (!text.empty()) {
    const bool negative = text.front() == '-';
    unsigned offset_hour = 0, offset_minute = 0;
    if (!take_char(text, "+-") || !take_digits(text, 2, offset_hour) || !take_char(text, ":") ||
        !take_digits(text, 2, offset_minute) || offset_hour > 23 || offset_minute > 59) {
      return false;
    }
    offset_minutes = std::int64_t{offset_hour} * 60 + offset_minute;
    if (negative) offset_minutes = -offset_minutes;
    result.has_zone = true;
  }
  if (!text.empty()) return false;

  const std::int64_t days = std::chrono::sys_days{date}.time_since_epoch().count();
  const std::int64_t seconds =
      ((days * 24 + hour) * 60 + minute - offset_minutes) * 60 + std::int64_t{second};
  result.ticks = seconds * Timestamp::kTicksPerSecond + fraction;
  return true;
}

}  // namespace

Timestamp from_filetime(std::uint64_t filetime) noexcept {
  return {static_cast<std::int64_t>(filetime - static_cast<std::uint64_t>(kFiletimeEpochTicks))};
}

std::uint64_t to_filetime(Timestamp t) noexcept {
  return static_cast<std::uint64_t>(t.ticks) + static_cast<std::uint64_t>(kFiletimeEpochTicks);
}

Timestamp now() noexcept {
  using Ticks = std::chrono::duration<std::int64_t, std::ratio<1, Timestamp::kTicksPerSecond>>;
  const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
  return {std::chrono::duration_cast<Ticks>(since_epoch).count()};
}

char* format_rfc3339(Timestamp t, char* out) noexcept {
  const std::int64_t days = t.ticks / kTicksPerDay;
  const auto in_day = static_cast<std::uint64_t>(t.ticks % kTicksPerDay);
  const std::chrono::year_month_day date{
      std::chrono::sys_days{std::chrono::days{static_cast<int>(days)}}};
  const std::uint64_t second = in_day / Timestamp::kTicksPerSecond;
  out = append_digits(out, static_cast<std::uint64_t>(static_cast<int>(date.year())), 4);
  *out++ = '-';
  out = append_digits(out, static_cast<unsigned>(date.month()), 2);
  *out++ = '-';
  out = append_digits(out, static_cast<unsigned>(date.day()), 2);
  *out++ = 'T';
  out = append_digits(out, second / 3600, 2);
  *out++ = ':';
  out = append_digits(out, second / 60 % 60, 2);
  *out++ = ':';
  out = append_digits(out, second % 60, 2);
  *out++ = '.';
  out = append_digits(out, in_day % Timestamp::kTicksPerSecond, 7);
  *out++ = 'Z';
  return out;
}

std::string format_rfc3339(Timestamp t) {
  std::array<char, 28> buffer{};
  return {buffer.data(), format_rfc3339(t, buffer.data())};
}

Result<Timestamp> parse_rfc3339(std::string_view text, bool zone_optional) {
  Parsed parsed;
  if (!parse(text, parsed) || (!parsed.has_zone && !zone_optional)) {
    return make_error(ErrorCode::kInvalidArgument,
                      "expected an RFC 3339 time such as 2026-01-31T13:45:00Z");
  }
  const Timestamp t{parsed.ticks};
  if (!is_plausible(t)) {
    return make_error(ErrorCode::kInvalidArgument,
                      "expected a time from 1970-01-01 to before 2084-01-01");
  }
  return t;
}

}  // namespace blockwatch
