#pragma once
// Query parameters and command-line filters to questions for the store: strict, every fault named.

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/event_json.h"
#include "server/http.h"
#include "server/page_token.h"
#include "server/problem.h"
#include "storage/query.h"

namespace blockwatch {

// Who takes parameters.
enum class Taker : std::uint8_t {
  kNone,  // takes no parameter at all
  kListEvents,
  kGetEvent,
  kStreamEvents,
  kTop,
  kTimeline,
  kFieldValues,
  kImport,
  kCoverage,
  kAuditPolicy,
  kAuditChange,
  kAuditList,
  kQueryCommand,  // `blockwatchd query`
};

enum class Format : std::uint8_t { kJson, kNdjson, kCsv };

// Every parameter of every route, with its default. A route reads what it takes.
struct ApiQuery {
  Filter filter;
  AskedBounds asked;  // bounds that were given as durations; filter has the moments
  Order order = Order::kNewestFirst;
  std::optional<std::uint32_t> limit;
  std::optional<PageToken> page;  // already checked against filter and order; filter has its bounds
  bool count = false;
  EventFields fields;  // as asked, or the default; kRaw last with include=raw
  bool raw = false;
  std::optional<std::uint64_t> after;
  std::chrono::milliseconds wait{0};
  std::optional<Format> format;  // as `format` says, else as Accept does; none: Accept allows none
  TopField top_by = TopField::kApplication;
  TimelineBy timeline_by = TimelineBy::kNothing;
  std::string by;  // as asked; empty when not given
  std::int64_t bucket_ticks = 0;
  std::string bucket;  // as asked
  std::string prefix;
  std::string name;
  bool all = false;
  bool dry_run = false;
  std::int64_t before = 0;  // an id; 0: from the newest
};

struct ParsedQuery {
  ApiQuery query;
  std::vector<Fault> faults;  // empty: `query` is whole
  bool unknown = false;       // one of them is a name that is no parameter here
};

// `now` is what durations count back from, `accepted` the format where no `format` is given.
ParsedQuery parse_parameters(Taker taker, const http::Parameters& parameters, Timestamp now,
                             std::optional<Format> accepted = Format::kJson);

// The query of a target as sent (percent faults included).
ParsedQuery parse_target(Taker taker, std::string_view target, Timestamp now,
                         std::optional<Format> accepted = Format::kJson);

// The answer to a request whose parameters have faults.
Problem parameter_problem(const ParsedQuery& parsed);

// One row of the table of parameters, for help texts and the contract test.
struct ParameterInfo {
  std::string_view name;
  bool filter = false;  // takes a comma list, may be repeated, and has a NAME__not twin
  bool list = false;    // takes a comma list and may be repeated
  std::string_view expected;
};
std::vector<ParameterInfo> parameters_of(Taker taker);

inline constexpr std::size_t kMaxValues = 1000;      // of all lists of a request together
inline constexpr std::size_t kMaxValueBytes = 1024;  // of one value
inline constexpr std::size_t kMaxFaults = 50;        // told at once; more are cut
inline constexpr std::uint64_t kMaxSeq = (std::uint64_t{1} << 53) - 1;
inline constexpr std::chrono::seconds kMaxWait{60};

}  // namespace blockwatch
