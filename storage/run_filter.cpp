#include "storage/run_filter_internal.h"

#include <algorithm>

namespace blockwatch {
namespace {

// A condition with more values than this is wide: looking each of them up per window would cost
// more than reading its lists once.
constexpr std::uint64_t kNarrowValues = 24;

// A condition of so few values is worth asking for all its rows first.
constexpr std::uint64_t kCandidateValues = 4;
constexpr std::size_t kMaxCandidates = 256;
// Lists with fewer entries than this are read in less time than a page takes.
constexpr std::uint64_t kCheapEntries = 16'384;
constexpr std::uint64_t kAnyNumber = UINT64_MAX;

// How many values a condition asks for; kAnyNumber when that is not known beforehand.
std::uint64_t values_asked(const Condition& condition) {
  std::uint64_t values = 0;
  for (const FieldTest& test : condition.tests) {
    if (!test.text.empty()) return kAnyNumber;
    for (const auto& range : test.numbers) {
      auto width = static_cast<std::uint64_t>(range.high) - static_cast<std::uint64_t>(range.low);
      if (width >= kNarrowValues) return kAnyNumber;
      values += width + 1;
    }
    for (const auto& range : test.addresses) {
      if (range.low != range.high) return kAnyNumber;
      ++values;
    }
  }
  return values;
}

}  // namespace

RunFilter::RunFilter(RunIndex& index, const Run& run, const IndexFilter& filter, SeqBounds seqs)
    : index_(index), run_(run), filter_(filter), seqs_(seqs), computed_(filter.conditions.size()) {
  span_.first =
      filter.first_time <= run.min_time ? 0 : index.position_of(run, filter.first_time, 0);
  span_.end =
      filter.end_time > run.max_time ? run.rows() : index.position_of(run, filter.end_time, 0);
  all_seqs_ = seqs.first <= run.first_seq && seqs.last >= run.last_seq;
  if (!all_seqs_ && run.in_order) {
    if (seqs.first > run.first_seq) {
      span_.first = std::max(span_.first, static_cast<std::uint32_t>(seqs.first - run.first_seq));
    }
    if (seqs.last < run.last_seq) {
      span_.end = std::min(span_.end, static_cast<std::uint32_t>(seqs.last - run.first_seq + 1));
    }
    all_seqs_ = true;
  }
  span_.end = std::max(span_.first, span_.end);
  whole_ = all_seqs_ && filter.conditions.empty() && span_.size() == run.rows();
  for (const Condition& condition : filter.conditions) values_.push_back(values_asked(condition));
}

bool RunFilter::is_wide(std::size_t condition) const { return values_[condition] > kNarrowValues; }

bool RunFilter::is_costly() {
  for (std::size_t i = 0; i < filter_.conditions.size(); ++i) {
    if (!is_wide(i)) continue;
    std::uint64_t entries = 0;
    for (const FieldTest& test : filter_.conditions[i].tests) {
      if (!test.text.empty()) return true;
      entries += count_values(test, kCheapEntries);
      if (entries >= kCheapEntries) return true;
    }
  }
  return false;
}

std::optional<std::vector<std::uint32_t>> RunFilter::few_candidates() {
  for (std::size_t i = 0; i < filter_.conditions.size(); ++i) {
    const Condition& condition = filter_.conditions[i];
    if (condition.negated || values_[i] > kCandidateValues) continue;
    std::vector<std::uint32_t> found;
    bool few = true;
    for (const FieldTest& test : condition.tests) {
      for (const auto& range : test.numbers) {
        for (std::int64_t value = range.low; few; ++value) {
          few = add_candidates(test.field, value, found);
          if (value == range.high) break;
        }
      }
      for (const auto& range : test.addresses) {
        few = few && add_candidates(test.field, range.low, found);
      }
    }
    if (!few) continue;
    std::sort(found.begin(), found.end());
    found.erase(std::unique(found.begin(), found.end()), found.end());
    return found;
  }
  return std::nullopt;
}

template <class Value>
bool RunFilter::add_candidates(IndexField field, const Value& value,
                               std::vector<std::uint32_t>& out) {
  index_.blocks(run_, static_cast<int>(field), value, 0, value, [&](const auto& block) {
    PostingDecoder<Value> groups(block);
    while (groups.next()) {
      if (value < groups.value()) return false;
      bool wanted = groups.value() == value;
      if (wanted && groups.count() + out.size() > kMaxCandidates) {
        out.resize(kMaxCandidates + 1);
        return false;
      }
      groups.positions(run_.rows(), [&](std::uint32_t position) {
        if (wanted) out.push_back(position);
      });
    }
    return true;
  });
  return out.size() <= kMaxCandidates;
}

PositionSet RunFilter::matches(PositionSpan span) {
  PositionSet set(span, true);
  if (!all_seqs_) apply_seqs(set);
  for (std::size_t i = 0; i < filter_.conditions.size(); ++i) {
    if (set.empty()) break;
    const Condition& condition = filter_.conditions[i];
    if (is_wide(i)) {
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
    if (!only.negated && only.tests.size() == 1)
      return count_values(only.tests.front(), kAnyNumber);
  }
  return matches(span_).count();
}

std::uint64_t RunFilter::count_values(const FieldTest& test, std::uint64_t enough) {
  std::uint64_t total = 0;
  auto add = [&](const auto& value, std::uint64_t n) {
    if (test.accepts(value)) total += n;
    return total < enough;
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
  index_.seqs(run_, set.span(), [&](std::uint32_t position, std::uint64_t seq) {
    if (seq < seqs_.first || seq > seqs_.last) set.remove(position);
  });
}

}  // namespace blockwatch
