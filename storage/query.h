#pragma once
// What can be asked of the store: one question for pages, streams, exports and statistics.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "storage/event.h"

namespace blockwatch {

// Both ends inclusive.
struct NumberRange {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  friend auto operator<=>(const NumberRange&, const NumberRange&) = default;
};

// The values one parameter asks for: a value matches when it is in `any` (or `any` is empty) and
// not in `none`. An absent field (null) matches neither a value in `any` nor one in `none`: it
// fails `any` and passes `none`.
template <class T>
struct Choice {
  std::vector<T> any;
  std::vector<T> none;
  bool empty() const { return any.empty() && none.empty(); }
  friend bool operator==(const Choice&, const Choice&) = default;
};

// ASCII-case-insensitive text with '*' (any run, also empty) as the only wildcard. As a file name
// it is compared with the last path component, as a path with the whole application.
struct ApplicationPattern {
  std::string text;
  bool whole_path = false;  // the user's text had '\', '/' or '*'
  friend bool operator==(const ApplicationPattern&, const ApplicationPattern&) = default;
};

// Every parameter is AND with the others. Text is compared exactly unless said otherwise.
struct Filter {
  Choice<Direction> direction;
  Choice<Action> action;
  Choice<Scope> scope;
  Choice<Reason> reason;
  Choice<NumberRange> protocol;
  Choice<NumberRange> event_id;
  Choice<NumberRange> port;  // either side; `none` excludes an event when either side matches
  Choice<NumberRange> local_port;
  Choice<NumberRange> remote_port;
  Choice<IpRange> address;  // either side, as port
  Choice<IpRange> local_address;
  Choice<IpRange> remote_address;
  Choice<ApplicationPattern> application;
  Choice<std::string> application_name;  // ASCII case ignored
  Choice<NumberRange> process_id;
  Choice<std::string> user;
  Choice<NumberRange> filter_id;
  Choice<std::string> filter_name;    // ASCII case ignored
  Choice<std::string> filter_origin;  // ASCII case ignored
  Choice<std::string> layer;          // word, or the recorded code
  Choice<NumberRange> interface_index;
  Choice<std::string> host;    // ASCII case ignored
  Choice<std::string> source;  // exact
  Choice<NumberRange> record_id;
  std::optional<Timestamp> since;  // inclusive
  std::optional<Timestamp> until;  // exclusive
  // ASCII-case-insensitive part of application, local/remote address text, host or filter name.
  std::string q;

  friend bool operator==(const Filter&, const Filter&) = default;
};

// The plain-C++ meaning of a filter; the store's index must agree with it on every event.
bool matches(const Filter& filter, const Event& event);
bool application_matches(const ApplicationPattern& pattern, std::string_view application);

enum class Order : std::uint8_t { kNewestFirst, kOldestFirst };  // by time, ties by seq

inline constexpr std::uint32_t kMaxPageSize = 1000;
inline constexpr std::uint32_t kDefaultPageSize = 100;

// Where a page ends, in the order of the question. Opaque outside of storage.
struct PageCursor {
  Timestamp last_time;             // of the last event given
  std::uint64_t last_seq = 0;      // its seq
  std::uint64_t snapshot_seq = 0;  // events above it did not exist when the first page was asked
};

struct PageQuery {
  Filter filter;
  Order order = Order::kNewestFirst;
  std::uint32_t limit = kDefaultPageSize;  // 1..kMaxPageSize
  std::optional<PageCursor> cursor;        // none: the first page
  bool count = false;                      // also count every match up to the snapshot
  bool raw = false;                        // fill Event::raw
};

struct Page {
  EventList list;
  std::optional<PageCursor> next;  // none on the last page
  std::uint64_t newest_seq = 0;    // of the whole store, when the page was read
  std::optional<std::uint64_t> total;
};

// Events with seq in (after, up_to], in seq order: streams, long polls.
struct TailQuery {
  Filter filter;
  std::uint64_t after = 0;
  std::uint32_t limit = kDefaultPageSize;
  bool raw = false;
};

struct Tail {
  EventList list;
  std::vector<CoverageFact> facts;  // with before_seq in (after, covered_seq]
  // Everything up to here has been looked at: the next question starts after it, also when fewer
  // (or no) events matched.
  std::uint64_t covered_seq = 0;
  std::uint64_t newest_seq = 0;
  // Seqs (after, gap_through] that retention has deleted; 0 when nothing is missing.
  std::uint64_t gap_through = 0;
};

// What is known to be missing in [since, until), newest first.
struct CoverageQuery {
  std::optional<Timestamp> since;
  std::optional<Timestamp> until;
  std::uint32_t limit = kMaxPageSize;
};

struct Coverage {
  std::vector<CoverageFact> facts;
  bool more = false;  // older ones were cut off by the limit
};

enum class TopField : std::uint8_t {
  kApplication,
  kApplicationName,
  kRemoteAddress,
  kRemotePort,
  kLocalPort,
  kDirection,
  kProtocol,
  kEventId,
  kFilterName,
  kReason,
  kHost,
  kProcessId,
};

struct ValueCount {
  std::optional<std::string> value;  // as the contract spells it; none: the field is absent
  std::uint64_t count = 0;
};

struct TopQuery {
  Filter filter;
  TopField by = TopField::kApplication;
  std::uint32_t limit = 20;  // 1..kMaxPageSize
};

struct Top {
  std::vector<ValueCount> values;  // most first, ties by value
  std::uint64_t total = 0;         // of all matching events, listed or not
};

enum class TimelineBy : std::uint8_t { kNothing, kAction, kDirection, kEventId };

struct TimelineQuery {
  Filter filter;
  std::int64_t bucket_ticks = 0;  // one minute to one day; buckets start at multiples since 1970
  TimelineBy by = TimelineBy::kNothing;
};

struct TimelinePoint {
  Timestamp start;
  std::vector<ValueCount> counts;  // one entry without a value when by is kNothing
};

// Only buckets that hold an event; ascending.
using Timeline = std::vector<TimelinePoint>;
inline constexpr std::size_t kMaxTimelinePoints = 50'000;  // more is kInvalidArgument

}  // namespace blockwatch
