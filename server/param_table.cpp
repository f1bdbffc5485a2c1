#include "server/param_table.h"

#include <array>
#include <string>
#include <utility>

#include "server/param_values.h"
#include "storage/words.h"

namespace blockwatch {
namespace {

template <class T>
bool take(Choice<T>& choice, const ParameterValue& value, std::optional<T> parsed) {
  if (!parsed) return false;
  (value.negated ? choice.none : choice.any).push_back(std::move(*parsed));
  return true;
}

template <class Enum, Choice<Enum> Filter::*kMember>
bool parse_words(ApiQuery& query, const ParameterValue& value) {
  return take(query.filter.*kMember, value, from_word<Enum>(value.text));
}

template <Choice<NumberRange> Filter::*kMember, std::uint64_t kMax>
bool parse_numbers(ApiQuery& query, const ParameterValue& value) {
  return take(query.filter.*kMember, value, parse_number_range(value.text, kMax));
}

template <Choice<IpRange> Filter::*kMember>
bool parse_addresses(ApiQuery& query, const ParameterValue& value) {
  auto range = parse_ip_range(value.text);
  return take(query.filter.*kMember, value, range ? std::optional(*range) : std::nullopt);
}

template <Choice<std::string> Filter::*kMember>
bool parse_text(ApiQuery& query, const ParameterValue& value) {
  return take(query.filter.*kMember, value, std::optional(std::string(value.text)));
}

bool parse_protocol(ApiQuery& query, const ParameterValue& value) {
  std::string name(value.text);
  for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  if (auto number = protocol_number(name)) {
    return take(query.filter.protocol, value, std::optional(NumberRange{*number, *number}));
  }
  return take(query.filter.protocol, value, parse_number_range(value.text, 255));
}

bool parse_event_id(ApiQuery& query, const ParameterValue& value) {
  auto range = parse_number_range(value.text, 65535);
  if (range && range->low == range->high && !is_event_id(static_cast<std::uint32_t>(range->low))) {
    return false;
  }
  return take(query.filter.event_id, value, range);
}

bool parse_application(ApiQuery& query, const ParameterValue& value) {
  bool path = value.text.find_first_of("\\/*") != std::string_view::npos;
  return take(query.filter.application, value,
              std::optional(ApplicationPattern{std::string(value.text), path}));
}

bool parse_since(ApiQuery& query, const ParameterValue& value) {
  auto moment = parse_moment(value.text, value.now);
  if (!moment) return false;
  query.filter.since = moment->time;
  query.asked.since_back = moment->back;
  return true;
}

bool parse_until(ApiQuery& query, const ParameterValue& value) {
  auto moment = parse_moment(value.text, value.now);
  if (!moment) return false;
  query.filter.until = moment->time;
  query.asked.until_back = moment->back;
  return true;
}

constexpr std::size_t kMaxSearchBytes = 256;
bool parse_q(ApiQuery& query, const ParameterValue& value) {
  query.filter.q = value.text;
  return value.text.size() <= kMaxSearchBytes;
}

bool parse_limit(ApiQuery& query, const ParameterValue& value) {
  auto limit = parse_number(value.text, kMaxPageSize);
  if (!limit || *limit == 0) return false;
  query.limit = static_cast<std::uint32_t>(*limit);
  return true;
}

// The command line streams, so it has no page size to keep to.
bool parse_any_limit(ApiQuery& query, const ParameterValue& value) {
  auto limit = parse_number(value.text, UINT32_MAX);
  if (!limit || *limit == 0) return false;
  query.limit = static_cast<std::uint32_t>(*limit);
  return true;
}

bool parse_order(ApiQuery& query, const ParameterValue& value) {
  query.order = value.text == "asc" ? Order::kOldestFirst : Order::kNewestFirst;
  return value.text == "asc" || value.text == "desc";
}

bool parse_page(ApiQuery& query, const ParameterValue& value) {
  auto token = decode_page_token(value.text);
  if (!token) return false;
  query.page = *token;
  return true;
}

bool parse_count(ApiQuery& query, const ParameterValue& value) {
  query.count = value.text == "exact";
  return query.count;
}

bool parse_fields(ApiQuery& query, const ParameterValue& value) {
  auto field = event_field(value.text);
  if (!field || *field == EventField::kRaw) return false;
  for (EventField earlier : query.fields) {
    if (earlier == *field) return false;
  }
  query.fields.push_back(*field);
  return true;
}

bool parse_include(ApiQuery& query, const ParameterValue& value) {
  query.raw = value.text == "raw";
  return query.raw;
}

bool parse_after(ApiQuery& query, const ParameterValue& value) {
  query.after = parse_number(value.text, kMaxSeq);
  return query.after.has_value();
}

// Who asks was known before the question was read.
bool parse_ticket(ApiQuery& /*query*/, const ParameterValue& value) { return !value.text.empty(); }

bool parse_wait(ApiQuery& query, const ParameterValue& value) {
  auto ticks = value.text.ends_with('s') ? parse_duration(value.text) : std::nullopt;
  if (!ticks || *ticks > kMaxWait.count() * Timestamp::kTicksPerSecond) return false;
  query.wait = std::chrono::milliseconds(*ticks / (Timestamp::kTicksPerSecond / 1000));
  return true;
}

constexpr std::array<std::string_view, 3> kFormats{"json", "ndjson", "csv"};
bool parse_format(ApiQuery& query, const ParameterValue& value) {
  for (std::size_t i = 0; i < kFormats.size(); ++i) {
    if (value.text != kFormats[i]) continue;
    query.format = Format(i);
    return true;
  }
  return false;
}

// In the order of TopField.
constexpr std::array<std::string_view, 12> kTopFields{
    "application", "application_name", "remote_address", "remote_port", "local_port", "direction",
    "protocol",    "event_id",         "filter_name",    "reason",      "host",       "process_id"};
bool parse_top_by(ApiQuery& query, const ParameterValue& value) {
  for (std::size_t i = 0; i < kTopFields.size(); ++i) {
    if (value.text != kTopFields[i]) continue;
    query.top_by = TopField(i);
    query.by = value.text;
    return true;
  }
  return false;
}

// In the order of TimelineBy, after kNothing.
constexpr std::array<std::string_view, 3> kTimelineFields{"action", "direction", "event_id"};
bool parse_timeline_by(ApiQuery& query, const ParameterValue& value) {
  for (std::size_t i = 0; i < kTimelineFields.size(); ++i) {
    if (value.text != kTimelineFields[i]) continue;
    query.timeline_by = TimelineBy(i + 1);
    query.by = value.text;
    return true;
  }
  return false;
}

bool parse_bucket(ApiQuery& query, const ParameterValue& value) {
  constexpr std::int64_t kMinute = 60 * Timestamp::kTicksPerSecond;
  constexpr std::int64_t kDay = 1440 * kMinute;
  auto ticks = parse_duration(value.text);
  if (!ticks || *ticks < kMinute || *ticks > kDay || *ticks % kMinute != 0) {
    return false;
  }
  query.bucket_ticks = *ticks;
  query.bucket = value.text;
  return true;
}

bool parse_prefix(ApiQuery& query, const ParameterValue& value) {
  query.prefix = value.text;
  return value.text.size() <= kMaxSearchBytes;
}

// The name becomes part of the events' source, shown everywhere: one line, no path.
bool parse_name(ApiQuery& query, const ParameterValue& value) {
  for (char c : value.text) {
    auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F || c == '/' || c == '\\' || c == ':') return false;
  }
  query.name = value.text;
  return value.text.size() <= 200;
}

template <bool ApiQuery::*kMember>
bool parse_switch(ApiQuery& query, const ParameterValue& value) {
  query.*kMember = value.text == "true";
  return value.text == "true" || value.text == "false";
}

bool parse_before(ApiQuery& query, const ParameterValue& value) {
  const auto id = parse_number(value.text, kMaxSeq);
  query.before = static_cast<std::int64_t>(id.value_or(0));
  return query.before > 0;
}

using enum Taker;
constexpr Takers kFilterTakers = takers(kListEvents, kStreamEvents, kTop, kTimeline, kQueryCommand);
constexpr Takers kPageTakers = takers(kListEvents, kQueryCommand);
constexpr auto kFilter = ParameterKind::kFilter;
constexpr auto kSingle = ParameterKind::kSingle;
constexpr auto kList = ParameterKind::kList;

constexpr std::string_view kPorts = "numbers or ranges from 0 to 65535, such as 443,8000-8100";
constexpr std::string_view kNumbers = "whole numbers or ranges, such as 4,1000-2000";
constexpr std::string_view kAddresses =
    "IPv4 or IPv6 addresses, CIDR blocks or A-B ranges, such as 10.0.0.0/8,2001:db8::1";
constexpr std::string_view kMoments =
    "RFC 3339 (2026-01-31T12:00:00Z), Unix seconds, or a duration back from now (30s, 15m, 2h, 7d)";
constexpr std::string_view kText = "text; values with a comma in double quotes";
constexpr std::string_view kTrueOrFalse = "true or false";
constexpr std::string_view kLimit = "a whole number from 1 to 1000";

std::span<const std::string_view> field_words() {
  static const std::vector<std::string_view> kWords = [] {
    std::vector<std::string_view> names;
    for (EventField field : default_event_fields()) names.push_back(to_word(field));
    return names;
  }();
  return kWords;
}

}  // namespace

// Every row of the contract's sections 4.1 to 4.3, in its order.
std::span<const ParameterRow> parameter_table() {
  static const auto kTable = std::to_array<ParameterRow>({
      {"direction", kFilter, kFilterTakers, "inbound, outbound or forward",
       parse_words<Direction, &Filter::direction>, words<Direction>()},
      {"action", kFilter, kFilterTakers, "block, drop or permit",
       parse_words<Action, &Filter::action>, words<Action>()},
      {"scope", kFilter, kFilterTakers, "connection, listen, bind, packet or application",
       parse_words<Scope, &Filter::scope>, words<Scope>()},
      {"protocol", kFilter, kFilterTakers,
       "names (tcp, udp, icmp, ...), numbers or ranges from 0 to 255", parse_protocol},
      {"event_id", kFilter, kFilterTakers, "5031, 5150 to 5159, or ranges such as 5150-5153",
       parse_event_id},
      {"port", kFilter, kFilterTakers, kPorts, parse_numbers<&Filter::port, 65535>},
      {"local_port", kFilter, kFilterTakers, kPorts, parse_numbers<&Filter::local_port, 65535>},
      {"remote_port", kFilter, kFilterTakers, kPorts, parse_numbers<&Filter::remote_port, 65535>},
      {"address", kFilter, kFilterTakers, kAddresses, parse_addresses<&Filter::address>},
      {"local_address", kFilter, kFilterTakers, kAddresses,
       parse_addresses<&Filter::local_address>},
      {"remote_address", kFilter, kFilterTakers, kAddresses,
       parse_addresses<&Filter::remote_address>},
      {"application", kFilter, kFilterTakers,
       "file names (chrome.exe) or paths with \\, / and * as wildcard (*\\chrome.exe)",
       parse_application},
      {"application_name", kFilter, kFilterTakers, kText, parse_text<&Filter::application_name>},
      {"process_id", kFilter, kFilterTakers, kNumbers,
       parse_numbers<&Filter::process_id, UINT64_MAX>},
      {"user", kFilter, kFilterTakers, kText, parse_text<&Filter::user>},
      {"filter_id", kFilter, kFilterTakers, kNumbers,
       parse_numbers<&Filter::filter_id, UINT64_MAX>},
      {"filter_name", kFilter, kFilterTakers, kText, parse_text<&Filter::filter_name>},
      {"filter_origin", kFilter, kFilterTakers, kText, parse_text<&Filter::filter_origin>},
      {"layer", kFilter, kFilterTakers, kText, parse_text<&Filter::layer>},
      {"interface_index", kFilter, kFilterTakers, kNumbers,
       parse_numbers<&Filter::interface_index, 0xFFFFFFFF>},
      {"reason", kFilter, kFilterTakers,
       "rule, default-inbound, default-outbound, no-listener, query-user, quarantine, boot-time, "
       "app-container, service-hardening, third-party or unknown",
       parse_words<Reason, &Filter::reason>, words<Reason>()},
      {"host", kFilter, kFilterTakers, kText, parse_text<&Filter::host>},
      {"source", kFilter, kFilterTakers, kText, parse_text<&Filter::source>},
      {"record_id", kFilter, kFilterTakers, kNumbers,
       parse_numbers<&Filter::record_id, UINT64_MAX>},
      {"since", kSingle, kFilterTakers | takers(kCoverage), kMoments, parse_since},
      {"until", kSingle, kFilterTakers | takers(kCoverage), kMoments, parse_until},
      {"q", kSingle, kFilterTakers, "text to look for, at most 256 bytes", parse_q},
      {"limit", kSingle, takers(kListEvents, kTop, kFieldValues, kCoverage, kAuditList), kLimit,
       parse_limit},
      {"limit", kSingle, takers(kQueryCommand), "a whole number from 1", parse_any_limit},
      {"order", kSingle, kPageTakers, "asc or desc", parse_order},
      {"next", kSingle, kPageTakers, "the unchanged text of `next` of a page", parse_page},
      {"count", kSingle, takers(kListEvents), "exact", parse_count},
      {"fields", kList, takers(kListEvents, kStreamEvents, kQueryCommand),
       "names of fields, each once (raw comes with include=raw)", parse_fields, field_words()},
      {"include", kSingle, takers(kListEvents, kStreamEvents, kQueryCommand), "raw", parse_include},
      {"ticket", kSingle, takers(kStreamEvents), "a ticket of POST /api/v1/stream-tickets",
       parse_ticket},
      {"after", kSingle, takers(kListEvents, kStreamEvents), "a seq: a whole number below 2^53",
       parse_after},
      {"wait", kSingle, takers(kListEvents), "seconds from 0s to 60s, such as 20s", parse_wait},
      {"format", kSingle, kPageTakers, "json, ndjson or csv", parse_format, kFormats},
      {"by", kSingle, takers(kTop),
       "application, application_name, remote_address, remote_port, local_port, direction, "
       "protocol, event_id, filter_name, reason, host or process_id",
       parse_top_by, kTopFields},
      {"by", kSingle, takers(kTimeline), "action, direction or event_id", parse_timeline_by,
       kTimelineFields},
      {"bucket", kSingle, takers(kTimeline), "whole minutes, hours or a day from 1m to 1d",
       parse_bucket},
      {"prefix", kSingle, takers(kFieldValues), "the beginning of a value, at most 256 bytes",
       parse_prefix},
      {"name", kSingle, takers(kImport),
       "a name for the source: at most 200 bytes, without control characters, '/', '\\' and ':'",
       parse_name},
      {"all", kSingle, takers(kAuditPolicy), kTrueOrFalse, parse_switch<&ApiQuery::all>},
      {"dry_run", kSingle, takers(kAuditChange), kTrueOrFalse, parse_switch<&ApiQuery::dry_run>},
      {"before", kSingle, takers(kAuditList), "the `next` of a list: an id", parse_before},
  });
  return kTable;
}

}  // namespace blockwatch
