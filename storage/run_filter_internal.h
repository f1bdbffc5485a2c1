#pragma once
// A filter applied to one run: which positions match.

#include <cstdint>
#include <optional>
#include <vector>

#include "storage/index_filter.h"
#include "storage/run_index_internal.h"

namespace blockwatch {

// Rows outside of it are not looked at: deleted ones, and those younger than the question.
struct SeqBounds {
  std::uint64_t first = 0;
  std::uint64_t last = 0;  // inclusive
};

class RunFilter {
 public:
  // All must outlive this.
  RunFilter(RunIndex& index, const Run& run, const IndexFilter& filter, SeqBounds seqs);

  // The positions in the filter's time.
  PositionSpan span() const { return span_; }
  // Every position of the run matches.
  bool is_whole() const { return whole_; }
  // Some condition has so many values that its lists are read for the whole run at once.
  bool has_wide_condition() const { return has_wide_; }

  PositionSet matches(PositionSpan span);
  // How many of the run's rows match.
  std::uint64_t count();

 private:
  void add_matches(const Condition& condition, PositionSet& out);
  void add_wide(const FieldTest& test, PositionSet& out);
  template <class Value>
  void add_list(IndexField field, const ValueRange<Value>& range, const FieldTest* test,
                PositionSet& out);
  std::uint64_t count_values(const FieldTest& test);
  const PositionSet& wide_matches(std::size_t condition);
  void apply_seqs(PositionSet& set);

  RunIndex& index_;
  const Run& run_;
  const IndexFilter& filter_;
  SeqBounds seqs_;
  PositionSpan span_;
  bool whole_ = false;
  bool all_seqs_ = false;
  bool has_wide_ = false;
  std::vector<bool> wide_;                            // by condition
  std::vector<std::optional<PositionSet>> computed_;  // of wide conditions, of span_
};

// Calls visit(value, position) for every matching position of a field's lists.
template <class Value, class Visit>
void for_each_position_of(RunIndex& index, const Run& run, IndexField field,
                          const PositionSet& matching, const Visit& visit) {
  PositionSpan span = matching.span();
  index.blocks(run, static_cast<int>(field), lowest_value(Value{}), 0, highest_value(Value{}),
               [&](const auto& block) {
                 index.check_now_and_then();
                 PostingDecoder<Value> groups(block);
                 while (groups.next()) {
                   groups.positions(run.rows(), [&](std::uint32_t position) {
                     if (position < span.first || position >= span.end) return;
                     if (matching.has(position)) visit(groups.value(), position);
                   });
                 }
                 return true;
               });
}

template <class Visit>
void for_each_position(RunIndex& index, const Run& run, IndexField field,
                       const PositionSet& matching, const Visit& visit) {
  for_each_position_of<std::int64_t>(index, run, field, matching, visit);
}

// Calls visit(value, count) for the values of a field among the matching rows; a value may come
// several times.
template <class Value, class Visit>
void for_each_count_of(RunIndex& index, const Run& run, IndexField field,
                       const PositionSet& matching, const Visit& visit) {
  PositionSpan span = matching.span();
  index.blocks(run, static_cast<int>(field), lowest_value(Value{}), 0, highest_value(Value{}),
               [&](const auto& block) {
                 index.check_now_and_then();
                 PostingDecoder<Value> groups(block);
                 while (groups.next()) {
                   std::uint64_t n = 0;
                   groups.positions(run.rows(), [&](std::uint32_t position) {
                     if (position < span.first || position >= span.end) return;
                     n += matching.has(position) ? 1U : 0U;
                   });
                   if (n != 0) visit(groups.value(), n);
                 }
                 return true;
               });
}

// The same of all rows of the run, for values in [low, high].
template <class Value, class Visit>
void for_each_count_between(RunIndex& index, const Run& run, IndexField field, const Value& low,
                            const Value& high, const Visit& visit) {
  index.blocks(run, static_cast<int>(field) + kCountsOf, low, 0, high, [&](const auto& block) {
    index.check_now_and_then();
    PostingDecoder<Value> groups(block);
    while (groups.next_count()) {
      if (high < groups.value()) return false;
      if (!(groups.value() < low)) visit(groups.value(), groups.count());
    }
    return true;
  });
}

inline bool has_addresses(IndexField field) { return field >= IndexField::kLocalAddress6; }

template <class Visit>
void for_each_count(RunIndex& index, const Run& run, IndexField field, const PositionSet& matching,
                    const Visit& visit) {
  if (has_addresses(field)) {
    for_each_count_of<IpAddress>(index, run, field, matching, visit);
  } else {
    for_each_count_of<std::int64_t>(index, run, field, matching, visit);
  }
}

template <class Visit>
void for_each_count(RunIndex& index, const Run& run, IndexField field, const Visit& visit) {
  if (has_addresses(field)) {
    for_each_count_between(index, run, field, IpAddress{}, highest_value(IpAddress{}), visit);
  } else {
    for_each_count_between<std::int64_t>(index, run, field, INT64_MIN, INT64_MAX, visit);
  }
}

}  // namespace blockwatch
