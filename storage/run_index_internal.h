#pragma once
// Reading runs: a run holds consecutive seqs, gives its rows positions in the order of time, and
// keeps per field the sorted list of (value, position). README.md explains why.
//
// For one connection, in one transaction at a time. Damage throws SQLite::Exception.

#include <cstdint>
#include <functional>
#include <optional>
#include <unordered_map>
#include <vector>

#include "storage/index_row_internal.h"
#include "storage/posting_internal.h"
#include "storage/sqlite_internal.h"

namespace blockwatch {

// A run that claims more rows is damaged: what a question allocates is bounded by it.
inline constexpr std::uint64_t kMaxRunRows = std::uint64_t{1} << 26U;

struct Run {
  std::int64_t id = 0;
  std::uint64_t first_seq = 0;
  std::uint64_t last_seq = 0;
  std::int64_t min_time = 0;  // ticks
  std::int64_t max_time = 0;
  bool in_order = true;  // position = seq - first_seq

  std::uint32_t rows() const { return static_cast<std::uint32_t>(last_seq - first_seq + 1); }
};

// Positions of a run, half open.
struct PositionSpan {
  std::uint32_t first = 0;
  std::uint32_t end = 0;
  std::uint32_t size() const { return end - first; }
  bool empty() const { return first >= end; }
};

// A bit for each position of a span.
class PositionSet {
 public:
  PositionSet(PositionSpan span, bool all);
  PositionSpan span() const { return span_; }
  bool contains(std::uint32_t position) const {  // any position
    return position >= span_.first && position < span_.end && has(position);
  }
  bool has(std::uint32_t position) const {  // one of the span
    std::uint32_t at = position - span_.first;
    return (words_[at >> 6U] >> (at & 63U) & 1U) != 0;
  }
  void add(std::uint32_t position) {
    std::uint32_t at = position - span_.first;
    words_[at >> 6U] |= std::uint64_t{1} << (at & 63U);
  }
  void remove(std::uint32_t position) {
    std::uint32_t at = position - span_.first;
    words_[at >> 6U] &= ~(std::uint64_t{1} << (at & 63U));
  }
  void intersect(const PositionSet& other);  // whose span covers this one
  void invert();
  std::uint64_t count() const;
  std::uint64_t count(PositionSpan part) const;  // of the span
  // The nearest member at or above `from`, or at or below it.
  std::optional<std::uint32_t> at_or_above(std::uint32_t from) const;
  std::optional<std::uint32_t> at_or_below(std::uint32_t from) const;

 private:
  void clear_beyond();
  PositionSpan span_;
  std::vector<std::uint64_t> words_;
};

// Counts of a field's values are kept under the field's number plus this.
inline constexpr int kCountsOf = 64;

class RunIndex {
 public:
  explicit RunIndex(SqlConnection& connection) : connection_(connection) {}

  // Reads the list of runs when `change` (state.run_change) is not the one read last. No row is
  // above `newest_seq`.
  void refresh(std::int64_t change, std::uint64_t newest_seq);
  void forget() { change_ = -1; }
  const std::vector<Run>& runs() const { return runs_; }  // by seq
  // Rows above this are in no run yet.
  std::uint64_t indexed_seq() const { return runs_.empty() ? 0 : runs_.back().last_seq; }

  // The first position that is not before (time, seq); rows() when all are.
  std::uint32_t position_of(const Run& run, std::int64_t time, std::uint64_t seq);
  // The rows of one tick. Quick when asked for ticks in about their order.
  PositionSpan at_time(const Run& run, std::int64_t time);
  std::uint64_t seq_at(const Run& run, std::uint32_t position);
  // Ticks of every position of the span, in order; none of them is before `from`.
  void times(const Run& run, PositionSpan span, std::int64_t from,
             const std::function<void(std::uint32_t, std::int64_t)>& visit);
  // Where in a span the buckets of `ticks` begin that hold its rows, in order. `from` and `end`
  // are times with no row of the span before or behind.
  struct BucketStart {
    std::int64_t bucket = 0;
    std::uint32_t first = 0;  // position
  };
  std::vector<BucketStart> buckets(const Run& run, PositionSpan span, std::int64_t from,
                                   std::int64_t end, std::int64_t ticks);
  void seqs(const Run& run, PositionSpan span,
            const std::function<void(std::uint32_t, std::uint64_t)>& visit);

  // The blocks of a list that can hold what lies from `low` to `high`, the last one first: one
  // search finds them, which is most of what a short list costs. The visitor returns false to stop.
  template <class Value>
  struct Place {
    Value value{};
    std::uint32_t position = 0;
  };
  template <class Value, class Visit>
  void blocks(const Run& run, int list, const Place<Value>& low, const Place<Value>& high,
              const Visit& visit);

  // Looks at the connection's limits once in many calls.
  void check_now_and_then() {
    if (blocks_read_ % 256 == 0) connection_.check_limits();
  }
  // Blocks read since the last call of forget_cost(): what a question costs, for tests.
  std::uint64_t blocks_read() const { return blocks_read_; }
  void forget_cost() { blocks_read_ = 0; }
  SqlConnection& connection() { return connection_; }

 private:
  // Of a list kept by position: the block that holds (value, position).
  template <class Visit>
  void block_with(const Run& run, IndexField list, std::int64_t value, std::uint32_t position,
                  const Visit& visit);
  // The same and all after it, until the visitor returns false.
  template <class Visit>
  void blocks_from(const Run& run, IndexField list, std::int64_t value, std::uint32_t position,
                   const Visit& visit);
  std::uint32_t first_at(const Run& run, std::int64_t time);
  template <class Visit>
  static bool values_of(const PostingBlock<std::int64_t>& block, const Run& run, bool rising,
                        const Visit& visit);

  template <class Value>
  struct Decoded {  // a block's values
    std::uint32_t first = 0;
    std::vector<Value> values;
  };

  SqlConnection& connection_;
  std::int64_t change_ = -1;
  std::vector<Run> runs_;
  // The blocks read last, by run.
  std::unordered_map<std::int64_t, Decoded<std::uint64_t>> orders_;
  std::unordered_map<std::int64_t, Decoded<std::int64_t>> times_;
  std::uint64_t blocks_read_ = 0;
};

constexpr std::int64_t lowest_value(std::int64_t) { return INT64_MIN; }
constexpr std::int64_t highest_value(std::int64_t) { return INT64_MAX; }
inline IpAddress lowest_value(const IpAddress&) { return {}; }
inline IpAddress highest_value(const IpAddress&) {
  IpAddress address;
  address.bytes.fill(0xff);
  return address;
}

void bind_value(SqlStatement& statement, int index, std::int64_t value);
void bind_value(SqlStatement& statement, int index, const IpAddress& value);
void value_at(const SqlStatement& row, int column, std::int64_t& value);
void value_at(const SqlStatement& row, int column, IpAddress& value);

// Of a row (value, position, data); valid until the next step.
template <class Value>
PostingBlock<Value> block_at(const SqlStatement& row, const Run& run) {
  PostingBlock<Value> block;
  value_at(row, 0, block.value);
  std::int64_t position = row.integer(1);
  block.data = row.bytes(2);
  if (position < 0 || position >= run.rows() || block.data.empty() ||
      block.data.size() > kBlockBytes) {
    throw_damaged_index();
  }
  block.position = static_cast<std::uint32_t>(position);
  return block;
}

template <class Value, class Visit>
void RunIndex::blocks(const Run& run, int list, const Place<Value>& low, const Place<Value>& high,
                      const Visit& visit) {
  auto rows = connection_.use(
      "SELECT value, position, data FROM posting WHERE run = ? AND field = ? AND "
      "(value, position) <= (?, ?) ORDER BY value DESC, position DESC");
  rows->bind(1, run.id);
  rows->bind(2, list);
  bind_value(*rows, 3, high.value);
  rows->bind(4, high.position);
  while (rows->step()) {
    ++blocks_read_;
    check_now_and_then();
    auto block = block_at<Value>(*rows, run);
    if (!visit(block)) return;
    if (block.value < low.value) return;
    if (block.value == low.value && block.position <= low.position) return;
  }
}

}  // namespace blockwatch
