#include "storage/run_filter_internal.h"

#include <algorithm>

namespace blockwatch {
namespace {

// A condition with more values than this is wide: looking each of them up per window would cost
// more than reading its lists once.
constexpr std::uint64_t kNarrowValues = 24;

bool is_wide(const Condition& condition) {
  std::uint64_t values = 0;
  for (const FieldTest& test : condition.tests) {
    if (!test.text.empty()) return true;
    for (const auto& range : test.numbers) {
      auto width = static_cast<std::uint64_t>(range.high) - static_cast<std::uint64_t>(range.low);
      if (width >= kNarrowValues) return true;
      values += width + 1;
    }
    for (const auto& range : test.addresses) {
      if (range.low != range.high) return true;
      ++values;
    }
  }
  return values > kNarrowValues;
}

}  // namespace

RunFilter::RunFilter(RunIndex& index, const Run& run, const IndexFilter& filter, SeqBounds seqs)
    : index_(index), run_(run), filter_(filter), seqs_(seqs), computed_(filter.conditions.size()) {
  span_.first =
      filter.first_time <= run.min_time ? 0 : index.position_of(run, filter.first_time, 0);
  span_.end =
      filter.end_time > run.max_time ? run.rows() : index.position_of(run, filter.end_time, 0);
  all_seqs_ = seqs.first <= run.first_seq && seqs.last >= run.last_seq;
  whole_ = all_seqs_ && filter.conditions.empty() && span_.size() == run.rows();
  for (const Condition& condition : filter.conditions) wide_.push_back(is_wide(condition));
  has_wide_ = std::find(wide_.begin(), wide_.end(), true) != wide_.end();
}

PositionSet RunFilter::matches(PositionSpan span) {
  PositionSet set(span, true);
  if (!all_seqs_) apply_seqs(set);
  for (std::size_t i = 0; i < filter_.conditions.size(); ++i) {
    if (set.empty()) break;
    const Condition& condition = filter_.conditions[i];
    if (wide_[i]) {
      set.intersect(wide_matches(i));
      continue;
    }
    PositionSet found(span, false);
    add_matches(condition, found);
    if (condition.negated) found.invert();
    set.intersect(found);
  }
  return set;
}

std::uint64_t RunFilter::count() {
  if (span_.empty()) return 0;
  if (whole_) return run_.rows();
  if (all_seqs_ && span_.size() == run_.rows() && filter_.conditions.size() == 1) {
    const Condition& only = filter_.conditions.front();
    if (!only.negated && only.tests.size() == 1) return count_values(only.tests.front());
  }
  return matches(span_).count();
}

std::uint64_t RunFilter::count_values(const FieldTest& test) {
  std::uint64_t total = 0;
  auto add = [&](const auto& value, std::uint64_t n) {
    if (test.accepts(value)) total += n;
  };
  for (const auto& range : test.numbers) {
    for_each_count_between(index_, run_, test.field, range.low, range.high, add);
  }
  for (const auto& range : test.addresses) {
    for_each_count_between(index_, run_, test.field, range.low, range.high, add);
  }
  return total;
}

const PositionSet& RunFilter::wide_matches(std::size_t condition) {
  auto& computed = computed_[condition];
  if (!computed) {
    computed.emplace(span_, false);
    add_matches(filter_.conditions[condition], *computed);
    if (filter_.conditions[condition].negated) computed->invert();
  }
  return *computed;
}

void RunFilter::add_matches(const Condition& condition, PositionSet& out) {
  for (const FieldTest& test : condition.tests) {
    const FieldTest* text = test.text.empty() ? nullptr : &test;
    // Few values: each list is sought where the span begins. Many: they are neighbours.
    for (const auto& range : test.numbers) {
      auto width = static_cast<std::uint64_t>(range.high) - static_cast<std::uint64_t>(range.low);
      if (text != nullptr || width >= kNarrowValues) {
        add_list(test.field, range, text, out);
        continue;
      }
      for (std::int64_t value = range.low;; ++value) {
        add_list(test.field, ValueRange<std::int64_t>{value, value}, text, out);
        if (value == range.high) break;
      }
    }
    for (const auto& range : test.addresses) add_list(test.field, range, text, out);
  }
}

template <class Value>
void RunFilter::add_list(IndexField field, const ValueRange<Value>& range, const FieldTest* test,
                         PositionSet& out) {
  PositionSpan span = out.span();
  bool single = range.low == range.high;
  // The lists of several values each begin at the run's first position.
  std::uint32_t from = single ? span.first : 0;
  index_.blocks(run_, static_cast<int>(field), range.low, from, range.high, [&](const auto& block) {
    index_.check_now_and_then();
    PostingDecoder<Value> groups(block);
    while (groups.next()) {
      if (range.high < groups.value()) return false;
      bool wanted =
          !(groups.value() < range.low) && (test == nullptr || test->accepts(groups.value()));
      bool beyond = false;
      groups.positions(run_.rows(), [&](std::uint32_t position) {
        if (!wanted || position < span.first) return;
        if (position < span.end) {
          out.add(position);
        } else {
          beyond = true;
        }
      });
      if (single && beyond) return false;
    }
    return true;
  });
}

void RunFilter::apply_seqs(PositionSet& set) {
  if (run_.in_order) {
    auto position = [&](std::uint64_t seq) {
      if (seq <= run_.first_seq) return std::uint32_t{0};
      return static_cast<std::uint32_t>(std::min<std::uint64_t>(seq - run_.first_seq, run_.rows()));
    };
    set.keep({position(seqs_.first),
              seqs_.last >= run_.last_seq ? run_.rows() : position(seqs_.last + 1)});
    return;
  }
  index_.seqs(run_, set.span(), [&](std::uint32_t position, std::uint64_t seq) {
    if (seq < seqs_.first || seq > seqs_.last) set.remove(position);
  });
}

}  // namespace blockwatch
