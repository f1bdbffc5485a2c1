#include "storage/sql_filter.h"

#include <algorithm>

#include "storage/dictionary_internal.h"
#include "storage/row_internal.h"
#include "storage/words.h"

namespace blockwatch {
namespace {

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

Filter text_part(const Filter& f) {
  Filter part;
  part.q = f.q;
  return part;
}

IdSet matching_shapes(const Filter& part, const Dictionary& dictionary) {
  const auto& shapes = dictionary.shapes();
  IdSet set(shapes.size());
  for (std::size_t id = 1; id < shapes.size(); ++id) set[id] = matches(part, shapes[id].event);
  return set;
}

IdSet matching_applications(const Filter& part, const Dictionary& dictionary) {
  const auto& applications = dictionary.applications();
  IdSet set(applications.size());
  Event event;
  event.event_id = kEventIds.front();
  for (std::size_t id = 0; id < applications.size(); ++id) {
    event.application = applications[id];
    set[id] = matches(part, event);
  }
  return set;
}

std::vector<std::uint32_t> ids_of(const IdSet& set) {
  std::vector<std::uint32_t> ids;
  for (std::size_t id = 0; id < set.size(); ++id) {
    if (set[id]) ids.push_back(static_cast<std::uint32_t>(id));
  }
  return ids;
}

// 64-bit unsigned numbers are stored as the same bits, signed: the upper half comes out negative.
std::vector<SqlRange> sql_ranges(const std::vector<NumberRange>& ranges) {
  std::vector<SqlRange> out;
  constexpr auto kTop = static_cast<std::uint64_t>(INT64_MAX);
  for (const NumberRange& r : ranges) {
    if (r.low <= kTop) {
      out.push_back(
          {static_cast<std::int64_t>(r.low), static_cast<std::int64_t>(std::min(r.high, kTop))});
    }
    if (r.high > kTop) {
      out.push_back({static_cast<std::int64_t>(std::max(r.low, kTop + 1)),
                     static_cast<std::int64_t>(r.high)});
    }
  }
  return out;
}

SqlValue blob(const IpAddress& a) {
  return std::string(reinterpret_cast<const char*>(a.bytes.data()), a.bytes.size());
}

// IPv4 is stored as an integer, IPv6 as a blob. A range of IPv6 that covers mapped addresses covers
// the IPv4 ones as well, as IpRange says.
std::vector<SqlRange> sql_ranges(const std::vector<IpRange>& ranges) {
  std::vector<SqlRange> out;
  const IpAddress v4_low = IpAddress::v4(0);
  const IpAddress v4_high = IpAddress::v4(0xffffffffU);
  for (const IpRange& r : ranges) {
    IpAddress low = std::max(r.low, v4_low);
    IpAddress high = std::min(r.high, v4_high);
    if (low <= high) {
      out.push_back({std::int64_t{low.v4_value()}, std::int64_t{high.v4_value()}});
    }
    if (!r.low.is_v4() || !r.high.is_v4()) out.push_back({blob(r.low), blob(r.high)});
  }
  return out;
}

class Builder {
 public:
  explicit Builder(SqlFilter& out) : out_(out) {}

  void condition(const std::string& sql) { out_.conditions += " AND " + sql; }

  // One of the columns in one of `any`; none of them in one of `none`.
  void choice(const std::vector<std::string>& columns, const std::vector<SqlRange>& any,
              const std::vector<SqlRange>& none, bool any_asked) {
    if (any_asked && any.empty()) out_.nothing = true;
    if (!any.empty()) {
      std::string sql = "(";
      for (const auto& column : columns) {
        if (sql.size() > 1) sql += " OR ";
        sql += in(column, any, 0, any.size());
      }
      condition(sql + ")");
    }
    if (none.empty()) return;
    for (const auto& column : columns) {
      std::string test = "(e.";
      test.append(column).append(" IS NULL OR NOT ");
      test.append(in(column, none, 0, none.size())).append(")");
      condition(test);
    }
  }

 private:
  // Halves, so that a long list does not nest deeper than SQLite allows.
  std::string in(const std::string& column, const std::vector<SqlRange>& ranges, std::size_t from,
                 std::size_t to) {
    if (to - from > 1) {
      std::size_t middle = from + (to - from) / 2;
      std::string left = in(column, ranges, from, middle);
      return "(" + left + " OR " + in(column, ranges, middle, to) + ")";
    }
    const SqlRange& range = ranges[from];
    out_.values.push_back(range.low);
    if (range.single()) return "e." + column + " = ?";
    out_.values.push_back(range.high);
    return "e." + column + " BETWEEN ? AND ?";
  }

  SqlFilter& out_;
};

bool all_single(const std::vector<SqlRange>& ranges) {
  return std::all_of(ranges.begin(), ranges.end(), [](const auto& r) { return r.single(); });
}

void add_time(const Filter& filter, std::int64_t max_borrow, SqlFilter& out, Builder& builder) {
  // Clamped to what a key can hold; nothing stored lies outside.
  auto clamp = [](Timestamp t) {
    return std::clamp(t.ticks, kMinTimestamp.ticks, kMaxTimestamp.ticks);
  };
  if (filter.since) out.first_key = first_key_of(clamp(*filter.since));
  if (filter.until) out.last_key = first_key_of(clamp(*filter.until) + max_borrow) - 1;
  if (max_borrow == 0 || (!filter.since && !filter.until)) return;
  builder.condition("(e.key >> 8) - ifnull(e.borrowed, 0) BETWEEN ? AND ?");
  out.values.emplace_back(filter.since ? clamp(*filter.since) : 0);
  out.values.emplace_back(filter.until ? clamp(*filter.until) - 1 : kMaxTimestamp.ticks);
}

void add_sets(const Filter& filter, const Dictionary& dictionary, SqlFilter& out,
              Builder& builder) {
  Filter part = shape_part(filter);
  if (part != Filter{}) {
    out.shapes = matching_shapes(part, dictionary);
    out.wanted_shapes = ids_of(*out.shapes);
    if (out.wanted_shapes.empty()) out.nothing = true;
    builder.condition("id_in(0, e.shape)");
  }
  part = application_part(filter);
  if (part != Filter{}) {
    out.applications = matching_applications(part, dictionary);
    auto ids = ids_of(*out.applications);
    if (ids.empty()) out.nothing = true;
    builder.condition("id_in(1, e.application)");
    if (!filter.application.any.empty() || !filter.application_name.any.empty()) {
      IndexCandidate candidate{{"application"}, {}};
      for (std::uint32_t id : ids) candidate.ranges.push_back({std::int64_t{id}, std::int64_t{id}});
      out.candidates.push_back(std::move(candidate));
    }
  }
  if (!filter.q.empty()) {
    part = text_part(filter);
    out.text_shapes = matching_shapes(part, dictionary);
    out.text_applications = matching_applications(part, dictionary);
    out.text = filter.q;
    auto applications = ids_of(*out.text_applications);
    bool of_shapes = !ids_of(*out.text_shapes).empty();
    bool of_addresses = filter.q.find_first_not_of("0123456789abcdefABCDEF.:") == std::string::npos;
    if (!of_addresses && !of_shapes) {
      // Only applications can have it, and those have an index.
      if (applications.empty()) out.nothing = true;
      IndexCandidate candidate{{"application"}, {}};
      for (std::uint32_t id : applications) {
        candidate.ranges.push_back({std::int64_t{id}, std::int64_t{id}});
      }
      out.candidates.push_back(std::move(candidate));
    }
    builder.condition(of_addresses
                          ? "(id_in(2, e.shape) OR id_in(3, e.application) OR "
                            "address_has(e.local_address) OR address_has(e.remote_address))"
                          : "(id_in(2, e.shape) OR id_in(3, e.application))");
  }
}

}  // namespace

SqlFilter compile_filter(const Filter& filter, const Dictionary& dictionary,
                         std::int64_t max_borrow) {
  SqlFilter out;
  Builder builder(out);
  add_time(filter, max_borrow, out, builder);
  add_sets(filter, dictionary, out, builder);

  auto add = [&](const std::vector<std::string>& columns, const auto& choice, bool indexed) {
    auto any = sql_ranges(choice.any);
    builder.choice(columns, any, sql_ranges(choice.none), !choice.any.empty());
    if (indexed && !any.empty()) out.candidates.push_back({columns, any});
    return any;
  };
  add({"remote_address"}, filter.remote_address, true);
  add({"local_address"}, filter.local_address, true);
  add({"remote_address", "local_address"}, filter.address, true);
  add({"remote_port"}, filter.remote_port, true);
  add({"local_port"}, filter.local_port, true);
  add({"remote_port", "local_port"}, filter.port, true);
  auto process_ids = add({"process_id"}, filter.process_id, false);
  auto filter_ids = add({"filter_id"}, filter.filter_id, false);
  if (all_single(process_ids)) out.process_ids = std::move(process_ids);
  if (all_single(filter_ids)) out.filter_ids = std::move(filter_ids);
  add({"record_id"}, filter.record_id, false);

  Filter by_shape = shape_part(filter);
  by_shape.since = filter.since;
  by_shape.until = filter.until;
  out.by_shape_only = by_shape == filter;
  return out;
}

}  // namespace blockwatch
