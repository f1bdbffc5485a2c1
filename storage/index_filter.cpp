#include "storage/index_filter.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "storage/dictionary_internal.h"
#include "storage/words.h"

namespace blockwatch {
namespace {

using NumberRanges = std::vector<ValueRange<std::int64_t>>;
using AddressRanges = std::vector<ValueRange<IpAddress>>;
using InTime = std::function<void()>;

// The parts of a filter that one kind of number decides, so that matches() itself can be asked.
Filter shape_part(const Filter& f) {
  Filter part;
  part.direction = f.direction;
  part.action = f.action;
  part.scope = f.scope;
  part.reason = f.reason;
  part.protocol = f.protocol;
  part.event_id = f.event_id;
  part.user = f.user;
  part.filter_name = f.filter_name;
  part.filter_origin = f.filter_origin;
  part.layer = f.layer;
  part.interface_index = f.interface_index;
  part.host = f.host;
  part.source = f.source;
  return part;
}

Filter application_part(const Filter& f) {
  Filter part;
  part.application = f.application;
  part.application_name = f.application_name;
  return part;
}

constexpr std::size_t kIdsBetweenChecks = 256;

IdSet matching_shapes(const Filter& part, const Dictionary& dictionary, const InTime& in_time) {
  const auto& shapes = dictionary.shapes();
  IdSet set(shapes.size());
  for (std::size_t id = 1; id < shapes.size(); ++id) {
    if (id % kIdsBetweenChecks == 0) in_time();
    set[id] = matches(part, shapes[id].event);
  }
  return set;
}

IdSet matching_applications(const Filter& part, const Dictionary& dictionary,
                            const InTime& in_time) {
  const auto& applications = dictionary.applications();
  IdSet set(applications.size());
  Event event;
  event.event_id = kEventIds.front();
  for (std::size_t id = 0; id < applications.size(); ++id) {
    if (id % kIdsBetweenChecks == 0) in_time();
    event.application = applications[id];
    set[id] = matches(part, event);
  }
  return set;
}

// Neighbours become one range.
NumberRanges ranges_of(const IdSet& set) {
  NumberRanges ranges;
  for (std::size_t id = 0; id < set.size(); ++id) {
    if (!set[id]) continue;
    auto number = static_cast<std::int64_t>(id);
    if (ranges.empty() || ranges.back().high + 1 != number) ranges.push_back({number, number});
    ranges.back().high = number;
  }
  return ranges;
}

// In order and apart, as a binary search wants them.
template <class Value>
std::vector<ValueRange<Value>> tidy(std::vector<ValueRange<Value>> ranges) {
  std::sort(ranges.begin(), ranges.end(),
            [](const auto& x, const auto& y) { return x.low < y.low; });
  std::vector<ValueRange<Value>> out;
  for (const auto& range : ranges) {
    if (out.empty() || out.back().high < range.low) {
      out.push_back(range);
    } else {
      out.back().high = std::max(out.back().high, range.high);
    }
  }
  return out;
}

// 64-bit unsigned numbers are stored as the same bits, signed: the upper half comes out negative.
NumberRanges ranges_of(const std::vector<NumberRange>& asked) {
  NumberRanges out;
  constexpr auto kTop = static_cast<std::uint64_t>(INT64_MAX);
  for (const NumberRange& r : asked) {
    if (r.low <= kTop) {
      out.push_back(
          {static_cast<std::int64_t>(r.low), static_cast<std::int64_t>(std::min(r.high, kTop))});
    }
    if (r.high > kTop) {
      out.push_back({static_cast<std::int64_t>(std::max(r.low, kTop + 1)),
                     static_cast<std::int64_t>(r.high)});
    }
  }
  return tidy(std::move(out));
}

// IPv4 addresses are numbers of their own field. A range of IPv6 that covers mapped addresses
// covers the IPv4 ones as well, as IpRange says.
void add_address_tests(IndexField v4, IndexField v6, const std::vector<IpRange>& asked,
                       std::vector<FieldTest>& tests) {
  FieldTest numbers{v4, {}, {}, {}};
  FieldTest addresses{v6, {}, {}, {}};
  const IpAddress v4_low = IpAddress::v4(0);
  const IpAddress v4_high = IpAddress::v4(0xffffffffU);
  for (const IpRange& r : asked) {
    IpAddress low = std::max(r.low, v4_low);
    IpAddress high = std::min(r.high, v4_high);
    if (low <= high) numbers.numbers.push_back({low.v4_value(), high.v4_value()});
    if (!r.low.is_v4() || !r.high.is_v4()) addresses.addresses.push_back({r.low, r.high});
  }
  numbers.numbers = tidy(std::move(numbers.numbers));
  addresses.addresses = tidy(std::move(addresses.addresses));
  for (FieldTest* test : {&numbers, &addresses}) {
    if (!test->numbers.empty() || !test->addresses.empty()) tests.push_back(std::move(*test));
  }
}

void add_tests(IndexField field, const std::vector<NumberRange>& asked,
               std::vector<FieldTest>& tests) {
  if (!asked.empty()) tests.push_back({field, ranges_of(asked), {}, {}});
}
void add_tests(IndexField field, const std::vector<IpRange>& asked, std::vector<FieldTest>& tests) {
  auto v6 =
      field == IndexField::kLocalAddress ? IndexField::kLocalAddress6 : IndexField::kRemoteAddress6;
  add_address_tests(field, v6, asked, tests);
}

// One of the fields in one of `any`; none of them in one of `none`.
template <class Range>
void add_choice(const std::vector<IndexField>& fields, const Choice<Range>& choice,
                IndexFilter& out) {
  for (bool negated : {false, true}) {
    const auto& asked = negated ? choice.none : choice.any;
    if (asked.empty()) continue;
    Condition condition{{}, negated};
    for (IndexField field : fields) add_tests(field, asked, condition.tests);
    out.conditions.push_back(std::move(condition));
  }
}

// The fields whose ids are in the sets; nothing can match when there is no such id.
void add_ids(IndexField field, const IdSet& set, std::vector<FieldTest>& tests) {
  auto ranges = ranges_of(set);
  if (!ranges.empty()) tests.push_back({field, std::move(ranges), {}, {}});
}

std::optional<std::vector<FieldValue>> few_values(const Condition& condition) {
  std::vector<FieldValue> values;
  for (const FieldTest& test : condition.tests) {
    if (!test.text.empty()) return std::nullopt;
    for (const auto& range : test.numbers) {
      auto width = static_cast<std::uint64_t>(range.high) - static_cast<std::uint64_t>(range.low);
      if (width >= kFewValues || width + values.size() >= kFewValues) return std::nullopt;
      for (std::int64_t value = range.low;; ++value) {
        values.push_back({test.field, value, {}});
        if (value == range.high) break;
      }
    }
    for (const auto& range : test.addresses) {
      if (range.low != range.high || values.size() == kFewValues) return std::nullopt;
      values.push_back({test.field, 0, range.low});
    }
  }
  return values;
}

void add_text(const std::string& text, const Dictionary& dictionary, const InTime& in_time,
              IndexFilter& out) {
  Filter part;
  part.q = text;
  Condition condition;
  add_ids(IndexField::kShape, matching_shapes(part, dictionary, in_time), condition.tests);
  add_ids(IndexField::kApplication, matching_applications(part, dictionary, in_time),
          condition.tests);
  if (text.find_first_not_of("0123456789abcdefABCDEF.:") == std::string::npos) {
    for (auto field : {IndexField::kLocalAddress, IndexField::kRemoteAddress}) {
      condition.tests.push_back({field, {{0, 0xffffffffLL}}, {}, text});
    }
    IpAddress last;
    last.bytes.fill(0xff);
    for (auto field : kAddressFields) {
      condition.tests.push_back({field, {}, {{IpAddress{}, last}}, text});
    }
  }
  out.conditions.push_back(std::move(condition));
}

template <class Value>
bool in_ranges(const std::vector<ValueRange<Value>>& ranges, const Value& value) {
  auto after = std::upper_bound(ranges.begin(), ranges.end(), value,
                                [](const Value& v, const auto& r) { return v < r.low; });
  return after != ranges.begin() && !(std::prev(after)->high < value);
}

bool has_text(const IpAddress& address, const std::string& text) {
  std::array<char, 48> buffer;
  const char* end = format_ip_address(address, buffer.data());
  return contains_ignoring_case({buffer.data(), static_cast<std::size_t>(end - buffer.data())},
                                text);
}

bool is_address6(IndexField field) { return field >= IndexField::kLocalAddress6; }

bool passes(const FieldTest& test, const IndexRow& row) {
  if (!row.has(test.field)) return false;
  return is_address6(test.field) ? test.accepts(row.address(test.field))
                                 : test.accepts(row.number(test.field));
}

}  // namespace

bool FieldTest::accepts(std::int64_t number) const {
  return in_ranges(numbers, number) &&
         (text.empty() || has_text(IpAddress::v4(static_cast<std::uint32_t>(number)), text));
}

bool FieldTest::accepts(const IpAddress& address) const {
  return in_ranges(addresses, address) && (text.empty() || has_text(address, text));
}

bool IndexFilter::holds(const IndexRow& row) const {
  if (row.time < first_time || row.time >= end_time) return false;
  for (const Condition& condition : conditions) {
    bool any = false;
    for (const FieldTest& test : condition.tests) any = any || passes(test, row);
    if (any == condition.negated) return false;
  }
  return true;
}

IndexFilter compile_filter(const Filter& filter, const Dictionary& dictionary,
                           const InTime& in_time) {
  IndexFilter out;
  out.first_time =
      filter.since ? std::max(filter.since->ticks, kMinTimestamp.ticks) : kMinTimestamp.ticks;
  out.end_time = filter.until ? std::min(filter.until->ticks, kMaxTimestamp.ticks + 1)
                              : kMaxTimestamp.ticks + 1;
  Filter part = shape_part(filter);
  Filter by_shape = part;
  by_shape.since = filter.since;
  by_shape.until = filter.until;
  out.by_shape_only = by_shape == filter;

  add_choice({IndexField::kRecordId}, filter.record_id, out);
  add_choice({IndexField::kRemoteAddress}, filter.remote_address, out);
  add_choice({IndexField::kLocalAddress}, filter.local_address, out);
  add_choice({IndexField::kRemoteAddress, IndexField::kLocalAddress}, filter.address, out);
  add_choice({IndexField::kRemotePort}, filter.remote_port, out);
  add_choice({IndexField::kLocalPort}, filter.local_port, out);
  add_choice({IndexField::kRemotePort, IndexField::kLocalPort}, filter.port, out);
  add_choice({IndexField::kProcessId}, filter.process_id, out);
  add_choice({IndexField::kFilterId}, filter.filter_id, out);
  if (Filter applications = application_part(filter); applications != Filter{}) {
    Condition condition;
    add_ids(IndexField::kApplication, matching_applications(applications, dictionary, in_time),
            condition.tests);
    out.conditions.push_back(std::move(condition));
  }
  if (!filter.q.empty()) add_text(filter.q, dictionary, in_time, out);
  if (part != Filter{}) {
    out.shapes = matching_shapes(part, dictionary, in_time);
    Condition condition;
    add_ids(IndexField::kShape, *out.shapes, condition.tests);
    out.conditions.push_back(std::move(condition));
  }
  out.nothing = out.first_time >= out.end_time;
  for (Condition& condition : out.conditions) {
    condition.values = few_values(condition);
    if (condition.tests.empty() && !condition.negated) out.nothing = true;
  }
  return out;
}

}  // namespace blockwatch
