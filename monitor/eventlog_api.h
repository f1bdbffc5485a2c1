#pragma once
// The event log of a running Windows, as far as a source needs it: what wevtapi.dll does, in
// portable terms, so that all decisions are made, and tested, without it.

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "monitor/evtx/value.h"
#include "storage/result.h"

namespace blockwatch {

// Windows' own error numbers (winerror.h).
template <class T>
using LogResult = tl::expected<T, std::uint32_t>;

namespace log_error {
inline constexpr std::uint32_t kAccessDenied = 5;          // no right to read the channel
inline constexpr std::uint32_t kNoMoreItems = 259;         // everything was taken
inline constexpr std::uint32_t kNotFound = 1168;           // the bookmarked record is gone
inline constexpr std::uint32_t kTimeout = 1460;            // nothing came
inline constexpr std::uint32_t kServerUnavailable = 1722;  // the service is not running
inline constexpr std::uint32_t kInvalidBound = 1734;       // the batch is too large for one answer
inline constexpr std::uint32_t kInvalidOperation = 4317;   // asked when nothing was there
inline constexpr std::uint32_t kChannelNotFound = 15007;
inline constexpr std::uint32_t kResultStale = 15011;      // cleared or rolled over meanwhile
inline constexpr std::uint32_t kInvalidPosition = 15012;  // the same, seen from the position
}  // namespace log_error

// In words, with what to do about it. `doing`: "read the Security log".
Error log_failure(const std::string& doing, std::uint32_t code);

struct LogInfo {
  std::uint64_t oldest_record_id = 0;
  std::uint64_t records = 0;  // none: oldest_record_id says nothing
  std::uint64_t created = 0;  // FILETIME of the file; another one is another file
};

struct LogQuestion {
  std::string query;  // a structured query (XML)
  // What render() gives of each event, in this order: paths such as "Event/System/EventID".
  std::span<const std::string_view> paths;
  // Go on after this record, and fail with kNotFound when it is gone; none: from the oldest on.
  std::optional<std::uint64_t> after_record_id;
};

// One thread.
class LogSubscription {
 public:
  virtual ~LogSubscription() = default;

  // Waits until there is something to take, at most so long. True stays true until reset().
  virtual bool wait(std::chrono::milliseconds time) = 0;
  virtual void reset() = 0;

  // Takes up to `most` events from the log and returns how many; never 0. After kInvalidBound the
  // position has moved all the same.
  virtual LogResult<std::uint32_t> next(std::uint32_t most) = 0;

  // The values of an event that the last next() took. They live until the next call.
  virtual LogResult<std::span<const evtx::Value>> render(std::uint32_t index) = 0;
};

// One thread.
class EventLogApi {
 public:
  virtual ~EventLogApi() = default;
  virtual LogResult<std::unique_ptr<LogSubscription>> subscribe(const LogQuestion& question) = 0;
  virtual LogResult<LogInfo> info() = 0;
  // The folder that the log's file and its archives are in, as UTF-8; empty when unknown.
  virtual std::string folder() = 0;
};

// Of the channel Security. kUnsupported where there is no such thing.
Result<std::unique_ptr<EventLogApi>> open_event_log();
inline constexpr std::string_view kEventLogChannel = "Security";

}  // namespace blockwatch
