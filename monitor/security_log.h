#pragma once
// The Security log as a vessel: how large it is, and how fast it fills. What the system says of it
// is a table of functions, so that everything decided here can be tested on any system.

#include <cstdint>
#include <functional>
#include <optional>

#include "storage/timestamp.h"

namespace blockwatch {

enum class WhenFull : std::uint8_t { kOverwrite, kArchive, kStop };

struct SecurityLog {
  std::uint64_t bytes = 0;
  std::uint64_t max_bytes = 0;
  WhenFull when_full = WhenFull::kOverwrite;
  std::optional<double> bytes_per_hour;  // lately; nothing: it holds too little to tell
};

// What the shell fills in; either may say nothing.
struct SecurityLogApi {
  struct State {
    std::uint64_t bytes = 0;
    std::uint64_t max_bytes = 0;
    std::uint64_t records = 0;  // in these bytes
    WhenFull when_full = WhenFull::kOverwrite;
  };
  std::function<std::optional<State>()> state;
  // When the record was written that lies so many behind the newest.
  std::function<std::optional<Timestamp>(std::uint64_t records)> time_of;
};

// The rate is that of the last thousand records, or as many more as the last hour has.
std::optional<SecurityLog> measure_security_log(const SecurityLogApi& api, Timestamp now);

// Of wevtapi.dll; its functions need the right to read the log.
SecurityLogApi system_security_log();

}  // namespace blockwatch
