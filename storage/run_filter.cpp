#include "storage/run_filter_internal.h"

#include <algorithm>

namespace blockwatch {
namespace {

// A condition of so few values is worth asking for all its rows first.
constexpr std::size_t kCandidateValues = 4;
constexpr std::size_t kMaxCandidates = 256;
// A block holds about so many entries. Values with fewer are neighbours in one: their lists are
// read together.
constexpr std::uint64_t kBlockEntries = 512;
// More entries than this are not counted to the end.
constexpr std::uint64_t kManyEntries = 65'536;
// In fewer rows all lists are read in less time than it takes to find out which is the shortest.
constexpr std::uint32_t kSmallSpan = 32'768;
// To test a row costs as much as to read so many entries of lists: less when it lies beside the row
// before than when it is the first to be read of its part of the file.
constexpr std::uint64_t kEntriesPerNearRow = 300;
constexpr std::uint64_t kEntriesPerFarRow = 2000;
constexpr std::uint64_t kNear = 16;
// To look for a text among all values costs as much as to read one entry of so many.
constexpr std::uint64_t kRowsPerText = 16;

bool has_text(const Condition& condition) {
  return std::any_of(condition.tests.begin(), condition.tests.end(),
                     [](const FieldTest& test) { return !test.text.empty(); });
}

FieldValue field_value(IndexField field, std::int64_t number) { return {field, number, {}}; }
FieldValue field_value(IndexField field, const IpAddress& address) { return {field, 0, address}; }

// What to read of a list for these ranges: many are not worth a search each.
template <class Value>
std::vector<ValueRange<Value>> searches(const std::vector<ValueRange<Value>>& ranges) {
  if (ranges.size() <= kFewValues) return ranges;
  return {{ranges.front().low, ranges.back().high}};
}

// Calls visit() with the value, as a number or as an address.
template <class Visit>
auto with_value(const FieldValue& value, const Visit& visit) {
  return has_addresses(value.field) ? visit(value.address) : visit(value.number);
}

}  // namespace

RunFilter::RunFilter(RunIndex& index, const Run& run, const IndexFilter& filter, SeqBounds seqs)
    : index_(index), run_(run), filter_(filter), seqs_(seqs) {
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
  parts_.reserve(filter.conditions.size());
  for (const Condition& condition : filter.conditions) {
    parts_.emplace_back().condition = &condition;
    parts_.back().negated = condition.negated;
    if (condition.values) parts_.back().values = &*condition.values;
  }
}

template <class Visit>
void RunFilter::for_each_accepted(const Condition& condition, const Visit& visit) {
  bool more = true;
  for (const FieldTest& test : condition.tests) {
    auto look_at = [&](const auto& value, std::uint64_t n) {
      if (test.accepts(value)) more = visit(test.field, value, n);
      return more;
    };
    for (const auto& range : searches(test.numbers)) {
      if (more) for_each_count_between(index_, run_, test.field, range.low, range.high, look_at);
    }
    for (const auto& range : searches(test.addresses)) {
      if (more) for_each_count_between(index_, run_, test.field, range.low, range.high, look_at);
    }
  }
}

void RunFilter::look_up(Part& part) {
  if (part.looked_up) return;
  part.looked_up = true;
  std::uint64_t entries = 0;
  bool few = true;
  for_each_accepted(*part.condition, [&](IndexField field, const auto& value, std::uint64_t n) {
    entries += n;
    few = few && part.found.size() < kFewValues;
    if (few) part.found.push_back(field_value(field, value));
    return few || entries < kManyEntries;
  });
  bool apart = part.found.size() <= kCandidateValues || entries > part.found.size() * kBlockEntries;
  if (few && apart) part.values = &part.found;
  if (few || entries < kManyEntries) part.entries = entries;
  if (few && apart && entries > run_.rows() / 2) complement(part);
}

void RunFilter::complement(Part& part) {
  IndexField field = part.condition->tests.front().field;
  if (part.condition->tests.size() != 1 || has_addresses(field)) return;
  std::uint64_t total = 0;
  std::vector<FieldValue> others;
  const FieldTest& test = part.condition->tests.front();
  for_each_count_between<std::int64_t>(index_, run_, field, INT64_MIN, INT64_MAX,
                                       [&](std::int64_t value, std::uint64_t n) {
                                         total += n;
                                         if (!test.accepts(value))
                                           others.push_back(field_value(field, value));
                                         return others.size() <= kFewValues;
                                       });
  if (total != run_.rows() || others.size() > kFewValues) return;
  part.found = std::move(others);
  part.negated = !part.negated;
  part.entries = total - *part.entries;
}

std::optional<std::vector<std::uint32_t>> RunFilter::few_candidates() {
  for (Part& part : parts_) {
    if (part.values == nullptr && !has_text(*part.condition)) look_up(part);
    if (part.negated) continue;
    if (part.values == nullptr || part.values->size() > kCandidateValues) continue;
    std::vector<std::uint32_t> found;
    bool few = part.entries.value_or(0) <= kMaxCandidates;
    for (const FieldValue& asked : *part.values) {
      few = few && with_value(asked, [&](const auto& value) {
              return add_candidates(asked.field, value, found);
            });
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
  bool few = true;
  index_.blocks<Value>(run_, static_cast<int>(field), {value, 0}, {value, UINT32_MAX},
                       [&](const auto& block) {
                         PostingDecoder<Value> groups(block);
                         while (groups.next()) {
                           if (value < groups.value()) break;
                           bool wanted = groups.value() == value;
                           few = few && (!wanted || groups.count() + out.size() <= kMaxCandidates);
                           if (!few) return false;
                           groups.positions(run_.rows(), [&](std::uint32_t position) {
                             if (wanted) out.push_back(position);
                           });
                         }
                         return true;
                       });
  return few;
}

std::uint64_t RunFilter::rows_left(const Part& part) const {
  if (part.positions) return 0;
  if (!part.entries) return part.values != nullptr ? 0 : run_.rows();
  std::uint64_t entries = std::min<std::uint64_t>(*part.entries, run_.rows());
  return part.negated ? run_.rows() - entries : entries;
}

std::uint64_t RunFilter::cost(const Part& part, PositionSpan span) const {
  if (part.positions) return 0;
  if (part.values == nullptr) {
    if (!part.looked_up) return run_.rows() / kRowsPerText;
    return part.entries.value_or(run_.rows());
  }
  return part.entries.value_or(0) * span.size() / run_.rows();
}

std::vector<RunFilter::Part*> RunFilter::rarest_first(PositionSpan span) {
  std::vector<Part*> order;
  for (Part& part : parts_) {
    if (part.values == nullptr ? !has_text(*part.condition) : span.size() > kSmallSpan) {
      look_up(part);
    }
    order.push_back(&part);
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](Part* x, Part* y) { return rows_left(*x) < rows_left(*y); });
  return order;
}

RunFilter::Matches RunFilter::matches(PositionSpan span) {
  Matches out{PositionSet(span, true)};
  if (!all_seqs_) apply_seqs(out.positions);
  for (Part* part : rarest_first(span)) {
    std::uint64_t left = out.positions.count();
    if (left == 0) break;
    bool near = left * kNear > span.size();
    if (left * (near ? kEntriesPerNearRow : kEntriesPerFarRow) < cost(*part, span)) {
      out.sure = false;
      break;
    }
    intersect(*part, out.positions);
  }
  return out;
}

void RunFilter::intersect(Part& part, PositionSet& set) {
  if (part.values == nullptr) look_up(part);
  if (part.values != nullptr) {
    PositionSet found(set.span(), false);
    add_lists(part, found);
    if (part.negated) found.invert();
    set.intersect(found);
    return;
  }
  if (!part.positions) {
    part.positions.emplace(span_, false);
    add_lists(part, *part.positions);
    if (part.negated) part.positions->invert();
  }
  set.intersect(*part.positions);
}

std::optional<std::uint64_t> RunFilter::count() {
  if (span_.empty()) return 0;
  if (whole_) return run_.rows();
  if (!all_seqs_ || span_.size() != run_.rows() || filter_.conditions.size() != 1) {
    return std::nullopt;
  }
  const Condition& only = filter_.conditions.front();
  // With several tests a row may pass more than one of them.
  if (only.tests.size() != 1) return std::nullopt;
  std::uint64_t total = 0;
  for_each_accepted(only, [&](IndexField, const auto&, std::uint64_t n) {
    total += n;
    return true;
  });
  return only.negated ? run_.rows() - std::min<std::uint64_t>(total, run_.rows()) : total;
}

void RunFilter::add_lists(const Part& part, PositionSet& out) {
  if (part.values != nullptr) {
    for (const FieldValue& asked : *part.values) {
      with_value(asked, [&]<class Value>(const Value& value) {
        add_list(asked.field, ValueRange<Value>{value, value}, nullptr, out);
      });
    }
    return;
  }
  for (const FieldTest& test : part.condition->tests) {
    for (const auto& range : searches(test.numbers)) add_list(test.field, range, &test, out);
    for (const auto& range : searches(test.addresses)) add_list(test.field, range, &test, out);
  }
}

template <class Value>
void RunFilter::add_list(IndexField field, const ValueRange<Value>& range, const FieldTest* test,
                         PositionSet& out) {
  PositionSpan span = out.span();
  // A value's own list is read where the span is. Those of several values each begin at the run's
  // first position.
  bool single = range.low == range.high;
  std::uint32_t from = single ? span.first : 0;
  std::uint32_t to = single ? span.end - 1 : UINT32_MAX;
  index_.blocks<Value>(
      run_, static_cast<int>(field), {range.low, from}, {range.high, to}, [&](const auto& block) {
        PostingDecoder<Value> groups(block);
        while (groups.next()) {
          if (range.high < groups.value()) break;
          bool wanted =
              !(groups.value() < range.low) && (test == nullptr || test->accepts(groups.value()));
          groups.positions(run_.rows(), [&](std::uint32_t position) {
            if (wanted && position - span.first < span.size()) out.add(position);
          });
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
