#pragma once
// Points in time as the Windows event log keeps them: 100 ns units. Plain values, any thread.

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "storage/result.h"

namespace blockwatch {

// 100 ns ticks since 1970-01-01T00:00:00Z, without leap seconds.
struct Timestamp {
  std::int64_t ticks = 0;

  static constexpr std::int64_t kTicksPerSecond = 10'000'000;
  friend constexpr auto operator<=>(const Timestamp&, const Timestamp&) = default;
};

// Events outside [1970-01-01, 2084-01-01) are damage, not data: the store's keys hold 55 bits of
// ticks, and no Windows that writes these events is older.
inline constexpr Timestamp kMinTimestamp{0};
inline constexpr Timestamp kMaxTimestamp{35'975'232'000'000'000};
constexpr bool is_plausible(Timestamp t) { return t >= kMinTimestamp && t < kMaxTimestamp; }

// A FILETIME (100 ns since 1601-01-01) as the record header and EventData carry it. Never fails;
// the result may be implausible.
Timestamp from_filetime(std::uint64_t filetime) noexcept;
std::uint64_t to_filetime(Timestamp t) noexcept;

Timestamp now() noexcept;

// "2019-02-13T18:01:47.5123404Z", always 7 fraction digits. Requires is_plausible(t).
std::string format_rfc3339(Timestamp t);
// The same 28 characters into `out` (not terminated); returns out + 28.
char* format_rfc3339(Timestamp t, char* out) noexcept;

// Date and time with 'T' or a space, 0 to 9 fraction digits (beyond 7 truncated), and 'Z', an
// offset (+hh:mm) or nothing, which then means UTC when `zone_optional` and is an error otherwise.
Result<Timestamp> parse_rfc3339(std::string_view text, bool zone_optional = false);

}  // namespace blockwatch
