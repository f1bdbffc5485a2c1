#pragma once
// A filter applied to one run: which positions match.

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>
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
  RunFilter(const RunFilter&) = delete;
  RunFilter& operator=(const RunFilter&) = delete;

  const IndexFilter& filter() const { return filter_; }

  // The positions in the filter's time.
  PositionSpan span() const { return span_; }
  // Every position of the run matches.
  bool is_whole() const { return whole_; }
  // All positions that one of the conditions allows, ascending, when some condition allows few; the
  // others are not looked at, nor are time and seqs.
  std::optional<std::vector<std::uint32_t>> few_candidates();

  struct Matches {
    PositionSet positions;
    // Else no more can be told without the rows: so few are left that to test them costs less than
    // to read the lists of the other conditions.
    bool sure = true;
  };
  Matches matches(PositionSpan span);
  // How many of the run's rows match, when counts alone tell it.
  std::optional<std::uint64_t> count();

 private:
  // What a condition comes to in this run.
  struct Part {
    const Condition* condition = nullptr;
    const std::vector<FieldValue>* values = nullptr;  // null: many, in ranges
    std::vector<FieldValue> found;                    // those that occur, when few
    bool negated = false;                             // matches have none of them
    bool looked_up = false;
    std::optional<std::uint64_t> entries;  // of all its lists, once looked up; unknown when many
    std::optional<PositionSet> positions;  // of many values, in span_
  };
  // Calls visit(field, value, count) for the values of a condition that the run has, until it
  // returns false.
  template <class Visit>
  void for_each_accepted(const Condition& condition, const Visit& visit);
  void look_up(Part& part);
  // When the other values are rarer: matches have none of them.
  void complement(Part& part);
  std::uint64_t rows_left(const Part& part) const;  // how many the condition lets pass, about
  std::uint64_t cost(const Part& part, PositionSpan span) const;  // in entries of lists
  std::vector<Part*> rarest_first(PositionSpan span);
  void intersect(Part& part, PositionSet& set);
  void add_lists(const Part& part, PositionSet& out);
  // Adds the positions of a value; false when they are too many to be candidates.
  template <class Value>
  bool add_candidates(IndexField field, const Value& value, std::vector<std::uint32_t>& out);
  template <class Value>
  void add_list(IndexField field, const ValueRange<Value>& range, const FieldTest* test,
                PositionSet& out);
  void apply_seqs(PositionSet& set);

  RunIndex& index_;
  const Run& run_;
  const IndexFilter& filter_;
  SeqBounds seqs_;
  PositionSpan span_;
  bool whole_ = false;
  bool all_seqs_ = false;
  std::vector<Part> parts_;  // of the conditions
};

// Calls visit(value, count) for the values in [low, high] of a field among all rows of the run, in
// no order, until visit() returns false.
template <class Value, class Visit>
void for_each_count_between(RunIndex& index, const Run& run, IndexField field, const Value& low,
                            const Value& high, const Visit& visit) {
  index.blocks<Value>(run, static_cast<int>(field) + kCountsOf, {low, 0}, {high, 0},
                      [&](const auto& block) {
                        PostingDecoder<Value> groups(block);
                        while (groups.next_count()) {
                          if (high < groups.value()) break;
                          if (!(groups.value() < low) && !visit(groups.value(), groups.count()))
                            return false;
                        }
                        return true;
                      });
}

template <class Value>
struct CountedValue {
  Value value{};
  std::uint64_t count = 0;
};

// The values of a field among all rows of the run, when they are few.
template <class Value>
std::optional<std::vector<CountedValue<Value>>> few_values(RunIndex& index, const Run& run,
                                                           IndexField field) {
  std::vector<CountedValue<Value>> values;
  for_each_count_between(index, run, field, lowest_value(Value{}), highest_value(Value{}),
                         [&](const Value& value, std::uint64_t n) {
                           values.push_back({value, n});
                           return values.size() <= kFewValues;
                         });
  if (values.size() > kFewValues) return std::nullopt;
  return values;
}

// Calls visit(position) for the positions of a value, at least those in the span.
template <class Value, class Visit>
void for_each_position(RunIndex& index, const Run& run, IndexField field, const Value& value,
                       PositionSpan span, const Visit& visit) {
  index.blocks<Value>(run, static_cast<int>(field), {value, span.first}, {value, span.end},
                      [&](const auto& block) {
                        PostingDecoder<Value> groups(block);
                        while (groups.next()) {
                          if (groups.value() == value) {
                            groups.positions(run.rows(), visit);
                          } else {
                            groups.positions(run.rows(), [](std::uint32_t) {});
                          }
                        }
                        return true;
                      });
}

// Calls visit(groups) for every group of a field's lists; it must read the group's positions.
template <class Value, class Visit>
void for_each_group(RunIndex& index, const Run& run, IndexField field, const Visit& visit) {
  index.blocks<Value>(run, static_cast<int>(field), {lowest_value(Value{}), 0},
                      {highest_value(Value{}), UINT32_MAX}, [&](const auto& block) {
                        PostingDecoder<Value> groups(block);
                        while (groups.next()) visit(groups);
                        return true;
                      });
}

// Calls visit(value, count) for the values of a field among the matching rows, but not for values
// that no matching row can have, as may_match(value) tells; a value may come several times.
template <class Value, class MayMatch, class Visit>
void for_each_count_of(RunIndex& index, const Run& run, IndexField field,
                       const PositionSet& matching, const MayMatch& may_match, const Visit& visit) {
  auto few = few_values<Value>(index, run, field);
  if (!few) {
    for_each_group<Value>(index, run, field, [&](auto& groups) {
      std::uint64_t n = 0;
      groups.positions(run.rows(),
                       [&](std::uint32_t position) { n += matching.contains(position) ? 1U : 0U; });
      if (n != 0) visit(groups.value(), n);
    });
    return;
  }
  std::uint64_t with_value = 0;
  for (const auto& value : *few) with_value += value.count;
  std::erase_if(*few, [&](const auto& value) { return !may_match(value.value); });
  if (few->empty()) return;
  // The longest list is not read: when every row has a value, it has what the others leave.
  std::swap(*std::max_element(few->begin(), few->end(),
                              [](const auto& x, const auto& y) { return x.count < y.count; }),
            few->back());
  const bool all_have_one = with_value == run.rows();
  std::uint64_t left = matching.count();
  for (const auto& value : *few) {
    std::uint64_t n = 0;
    if (all_have_one && &value == &few->back()) {
      n = left;
    } else {
      for_each_position(
          index, run, field, value.value, matching.span(),
          [&](std::uint32_t position) { n += matching.contains(position) ? 1U : 0U; });
    }
    if (n > left) throw_damaged_index();
    left -= n;
    if (n != 0) visit(value.value, n);
  }
}

inline bool has_addresses(IndexField field) { return field >= IndexField::kLocalAddress6; }

// The same for a field that is told when this runs; `filter` is what the rows match.
template <class Visit>
void for_each_count(RunIndex& index, const Run& run, IndexField field, const PositionSet& matching,
                    const IndexFilter& filter, const Visit& visit) {
  if (has_addresses(field)) {
    for_each_count_of<IpAddress>(
        index, run, field, matching, [](const IpAddress&) { return true; }, visit);
  } else {
    for_each_count_of<std::int64_t>(
        index, run, field, matching,
        [&](std::int64_t value) { return field != IndexField::kShape || filter.may_have(value); },
        visit);
  }
}

template <class Visit>
void for_each_count(RunIndex& index, const Run& run, IndexField field, const Visit& visit_all) {
  auto visit = [&](const auto& value, std::uint64_t n) {
    visit_all(value, n);
    return true;
  };
  if (has_addresses(field)) {
    for_each_count_between(index, run, field, IpAddress{}, highest_value(IpAddress{}), visit);
  } else {
    for_each_count_between<std::int64_t>(index, run, field, INT64_MIN, INT64_MAX, visit);
  }
}

}  // namespace blockwatch
