// Pages: rows in order of their keys, found by the cheapest of four ways.
//
// - Scan: the table is in order of time; rows are tested until the page is full. Right when matches
//   are frequent.
// - Hours: the same, but only in hours that hold a rare shape, process or filter id at all.
// - Streams: one index entry list per single value, each in order of keys, merged.
// - Keys: all keys of a filter with few matches, collected from its index and sorted.

#include <algorithm>

#include "storage/row_internal.h"
#include "storage/store_internal.h"

namespace blockwatch {
namespace {

constexpr std::size_t kMaxStreams = 16;
// Up to this many keys are collected and sorted (a few ms); with more, one row in 500 of a store of
// ten million matches, and a scan fills a page soon.
constexpr std::uint64_t kMaxCollectedKeys = 20'000;
// When several indexes could serve, counting further than this costs more than it decides.
constexpr std::uint64_t kMaxComparedKeys = 2'000;
constexpr std::size_t kMaxGuidingShapes = 64;

}  // namespace

struct StoreReader::Impl::PageRows {
  PageRows(Impl& owner, const PageQuery& asked, Page& result, std::uint64_t snapshot_seq)
      : impl(owner),
        query(asked),
        page(result),
        snapshot(snapshot_seq),
        descending(asked.order == Order::kNewestFirst),
        reader(owner.connection_, owner.dictionary_, result.list, asked.raw),
        first(owner.filter_.first_key),
        last(owner.filter_.last_key) {
    if (!query.cursor) return;
    if (descending) {
      last = std::min(last, query.cursor->last_key - 1);
    } else {
      first = std::max(first, query.cursor->last_key + 1);
    }
  }

  Impl& impl;
  const PageQuery& query;
  Page& page;
  std::uint64_t snapshot;
  bool descending;
  RowReader reader;
  std::int64_t first;  // inclusive bounds of the keys still wanted
  std::int64_t last;
  std::int64_t last_given = 0;

  std::string select() const {
    return std::string("SELECT ") + kRowColumns + (query.raw ? ", e.raw" : "") + " FROM event e ";
  }
  std::string order() const { return descending ? " ORDER BY e.key DESC" : " ORDER BY e.key"; }
  bool before(std::int64_t x, std::int64_t y) const { return descending ? x > y : x < y; }

  // False when the page is full: the row belongs to the next one.
  bool take(const SqlStatement& row) {
    if (page.list.events.size() == query.limit) {
      page.next = PageCursor{last_given, snapshot};
      return false;
    }
    reader.add(row);
    last_given = row.integer(0);
    return true;
  }

  bool scan(std::int64_t from, std::int64_t to) {
    auto rows =
        impl.connection_.use(select() + "NOT INDEXED WHERE e.key BETWEEN ? AND ? AND e.seq <= ?" +
                             impl.filter_.conditions + order());
    rows->bind(1, from);
    rows->bind(2, to);
    rows->bind(3, static_cast<std::int64_t>(snapshot));
    impl.bind_filter(*rows, 4);
    while (rows->step()) {
      if (!take(*rows)) return false;
    }
    return true;
  }

  bool one_stream(const std::string& column, const SqlValue& value) {
    auto rows = impl.connection_.use(select() + "INDEXED BY event_" + column + " WHERE e." +
                                     column + " = ? AND e.key BETWEEN ? AND ? AND +e.seq <= ?" +
                                     impl.filter_.conditions + order());
    bind(*rows, 1, value);
    rows->bind(2, first);
    rows->bind(3, last);
    rows->bind(4, static_cast<std::int64_t>(snapshot));
    impl.bind_filter(*rows, 5);
    while (rows->step()) {
      if (!take(*rows)) return true;
    }
    return true;
  }

  // Rows by their keys, which come in order and may repeat.
  class ByKey {
   public:
    explicit ByKey(PageRows& rows)
        : rows_(rows),
          row_(rows.impl.connection_.use(rows.select() + "WHERE e.key = ? AND e.seq <= ?" +
                                         rows.impl.filter_.conditions)) {}
    bool take(std::int64_t key) {
      if (key == last_) return true;
      last_ = key;
      row_->reset();
      row_->bind(1, key);
      row_->bind(2, static_cast<std::int64_t>(rows_.snapshot));
      rows_.impl.bind_filter(*row_, 3);
      return !row_->step() || rows_.take(*row_);
    }

   private:
    PageRows& rows_;
    StatementUse row_;
    std::int64_t last_ = -1;
  };

  static void bind(SqlStatement& statement, int index, const SqlValue& value) {
    if (const auto* number = std::get_if<std::int64_t>(&value)) {
      statement.bind(index, *number);
    } else {
      statement.bind_blob(index, std::get<std::string>(value));
    }
  }

  StatementUse keys_of(const std::string& column, const SqlRange& range, bool sorted) {
    std::string sql = "SELECT e.key FROM event e INDEXED BY event_" + column + " WHERE e." + column;
    sql += range.single() ? " = ?1 AND e.key BETWEEN ?3 AND ?4"
                          : " BETWEEN ?1 AND ?2 AND +e.key BETWEEN ?3 AND ?4";
    auto rows = impl.connection_.use(sql + (sorted ? order() : ""));
    bind(*rows, 1, range.low);
    if (!range.single()) bind(*rows, 2, range.high);
    rows->bind(3, first);
    rows->bind(4, last);
    return rows;
  }

  void streams(const IndexCandidate& candidate) {
    std::vector<std::optional<StatementUse>> open;
    for (const std::string& column : candidate.columns) {
      for (const SqlRange& range : candidate.ranges) {
        auto rows = keys_of(column, range, true);
        if (rows->step()) open.emplace_back(std::move(rows));
      }
    }
    ByKey by_key(*this);
    while (true) {
      std::optional<StatementUse>* next = nullptr;
      for (auto& rows : open) {
        if (rows && (next == nullptr || before((*rows)->integer(0), (**next)->integer(0)))) {
          next = &rows;
        }
      }
      if (next == nullptr || !by_key.take((**next)->integer(0))) return;
      if (!(**next)->step()) next->reset();
    }
  }

  // How many index entries match, at most `limit`.
  std::uint64_t entries(const IndexCandidate& candidate, std::uint64_t limit) {
    std::uint64_t n = 0;
    for (const std::string& column : candidate.columns) {
      for (const SqlRange& range : candidate.ranges) {
        auto rows = keys_of(column, range, false);
        while (n < limit && rows->step()) ++n;
        if (n == limit) return n;
      }
    }
    return n;
  }

  void collected(const IndexCandidate& candidate) {
    std::vector<std::int64_t> keys;
    for (const std::string& column : candidate.columns) {
      for (const SqlRange& range : candidate.ranges) {
        auto rows = keys_of(column, range, false);
        while (rows->step()) keys.push_back(rows->integer(0));
      }
    }
    std::sort(keys.begin(), keys.end(), [&](auto x, auto y) { return before(x, y); });
    ByKey by_key(*this);
    for (std::int64_t key : keys) {
      if (!by_key.take(key)) return;
    }
  }

  static bool streamable(const IndexCandidate& candidate) {
    return candidate.columns.size() * candidate.ranges.size() <= kMaxStreams &&
           std::all_of(candidate.ranges.begin(), candidate.ranges.end(),
                       [](const auto& r) { return r.single(); });
  }

  void read_streams(const IndexCandidate& candidate) {
    if (candidate.columns.size() == 1 && candidate.ranges.size() == 1) {
      one_stream(candidate.columns[0], candidate.ranges[0].low);
    } else {
      streams(candidate);
    }
  }

  // True when an index has served.
  bool by_index() {
    const auto& candidates = impl.filter_.candidates;
    if (candidates.empty()) return false;
    if (candidates.size() == 1 && streamable(candidates[0])) {
      read_streams(candidates[0]);
      return true;
    }
    const IndexCandidate* best = nullptr;
    std::uint64_t best_entries = 0;
    for (const IndexCandidate& candidate : candidates) {
      std::uint64_t limit = streamable(candidate) ? kMaxComparedKeys : kMaxCollectedKeys;
      std::uint64_t n = entries(candidate, limit);
      if (n < limit && (best == nullptr || n < best_entries)) {
        best = &candidate;
        best_entries = n;
      }
    }
    if (best != nullptr) {
      collected(*best);
      return true;
    }
    for (const IndexCandidate& candidate : candidates) {
      if (!streamable(candidate)) continue;
      read_streams(candidate);
      return true;
    }
    return false;
  }

  // The next hour from `hour` on, in the order of the page, that may hold a match.
  std::optional<std::int64_t> next_hour(std::int64_t hour) {
    std::optional<std::int64_t> at = hour;
    while (at) {
      std::optional<std::int64_t> agreed = at;
      auto narrow = [&](const std::function<std::optional<std::int64_t>(std::int64_t)>& next) {
        if (agreed) agreed = next(*agreed);
      };
      const SqlFilter& filter = impl.filter_;
      if (guided_by_shapes()) narrow([&](auto h) { return nearest_shape_hour(h); });
      if (!filter.process_ids.empty()) {
        narrow([&](auto h) {
          return nearest_value_hour(RollupField::kProcessId, filter.process_ids, h);
        });
      }
      if (!filter.filter_ids.empty()) {
        narrow([&](auto h) {
          return nearest_value_hour(RollupField::kFilterId, filter.filter_ids, h);
        });
      }
      if (agreed == at) return at;
      at = agreed;
    }
    return std::nullopt;
  }

  bool guided_by_shapes() const {
    return impl.filter_.shapes && impl.filter_.wanted_shapes.size() <= kMaxGuidingShapes;
  }

  // Keys that borrow from the next hour make an hour's events appear there as well.
  std::optional<std::int64_t> nearest(StatementUse& rows, int hour_index, std::int64_t hour) {
    bool borrows = impl.state_.max_borrow > 0;
    rows->bind(hour_index, descending || !borrows ? hour : hour - 1);
    std::optional<std::int64_t> found;
    if (rows->step() && !rows->is_null(0)) found = rows->integer(0);
    rows->reset();
    if (!found || !borrows) return found;
    return descending ? std::min(hour, *found + 1) : std::max(hour, *found);
  }

  std::optional<std::int64_t> better(std::optional<std::int64_t> x,
                                     std::optional<std::int64_t> y) const {
    if (!x || !y) return x ? x : y;
    return descending ? std::max(*x, *y) : std::min(*x, *y);
  }

  std::optional<std::int64_t> nearest_shape_hour(std::int64_t hour) {
    auto rows = impl.connection_.use(
        descending ? "SELECT max(hour) FROM hour_shape WHERE shape = ? AND hour <= ?"
                   : "SELECT min(hour) FROM hour_shape WHERE shape = ? AND hour >= ?");
    std::optional<std::int64_t> best;
    for (std::uint32_t shape : impl.filter_.wanted_shapes) {
      rows->bind(1, shape);
      best = better(best, nearest(rows, 2, hour));
      if (best == hour) break;
    }
    return best;
  }

  std::optional<std::int64_t> nearest_value_hour(RollupField field,
                                                 const std::vector<SqlRange>& values,
                                                 std::int64_t hour) {
    auto rows = impl.connection_.use(
        descending
            ? "SELECT max(hour) FROM hour_value WHERE field = ? AND value = ? AND hour <= ?"
            : "SELECT min(hour) FROM hour_value WHERE field = ? AND value = ? AND hour >= ?");
    std::optional<std::int64_t> best;
    for (const SqlRange& value : values) {
      rows->bind(1, static_cast<std::int64_t>(field));
      rows->bind(2, std::get<std::int64_t>(value.low));
      best = better(best, nearest(rows, 3, hour));
      if (best == hour) break;
    }
    return best;
  }

  // True when the hourly tables have guided the scan to its end.
  bool by_hours() {
    bool guided =
        guided_by_shapes() || !impl.filter_.process_ids.empty() || !impl.filter_.filter_ids.empty();
    if (!guided || impl.state_.max_borrow >= kTicksPerHour) return false;
    auto hour_of = [](std::int64_t key) { return tick_of(key) / kTicksPerHour; };
    while (first <= last) {
      auto hour = next_hour(hour_of(descending ? last : first));
      if (!hour) return true;
      std::int64_t from = std::max(first, first_key_of(*hour * kTicksPerHour));
      std::int64_t to = std::min(last, first_key_of((*hour + 1) * kTicksPerHour) - 1);
      if (from <= to && !scan(from, to)) return true;
      if (descending) {
        last = std::min(last, first_key_of(*hour * kTicksPerHour) - 1);
      } else {
        first = std::max(first, first_key_of((*hour + 1) * kTicksPerHour));
      }
    }
    return true;
  }
};

Page StoreReader::Impl::page(const PageQuery& query) {
  Page page;
  page.newest_seq = state_.newest_seq;
  std::uint64_t snapshot = query.cursor ? query.cursor->snapshot_seq : state_.newest_seq;
  if (query.count) page.total = count(query.filter, snapshot);
  use_filter(query.filter);
  if (filter_.nothing) return page;
  PageRows rows(*this, query, page, snapshot);
  if (!rows.by_index() && !rows.by_hours()) rows.scan(rows.first, rows.last);
  return page;
}

std::vector<std::string> StoreReader::Impl::explain(const PageQuery& query) {
  std::vector<std::string> statements;
  auto collect = [](unsigned, void* list, void* statement, void*) {
    const char* sql = sqlite3_sql(static_cast<sqlite3_stmt*>(statement));
    static_cast<std::vector<std::string>*>(list)->emplace_back(sql);
    return 0;
  };
  sqlite3* db = connection_.handle();
  sqlite3_trace_v2(db, SQLITE_TRACE_STMT, collect, &statements);
  try {
    page(query);
  } catch (...) {
    sqlite3_trace_v2(db, 0, nullptr, nullptr);
    throw;
  }
  sqlite3_trace_v2(db, 0, nullptr, nullptr);
  std::sort(statements.begin(), statements.end());
  statements.erase(std::unique(statements.begin(), statements.end()), statements.end());
  std::vector<std::string> steps;
  for (const std::string& sql : statements) {
    SqlStatement plan(db, "EXPLAIN QUERY PLAN " + sql);
    while (plan.step()) steps.emplace_back(plan.bytes(3));
  }
  return steps;
}

}  // namespace blockwatch
