// The most frequent values of a field.

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <unordered_map>

#include "storage/answer_memo_internal.h"
#include "storage/row_internal.h"
#include "storage/statistics_internal.h"
#include "storage/words.h"

namespace blockwatch {
namespace {

constexpr std::size_t kBetweenChecks = 1024;  // values looked at between looks at the clock
constexpr std::uint64_t kMoreParts = 8;       // when the values are too many

bool is_of_shape(TopField field) {
  switch (field) {
    case TopField::kDirection:
    case TopField::kProtocol:
    case TopField::kEventId:
    case TopField::kFilterName:
    case TopField::kReason:
    case TopField::kHost:
      return true;
    default:
      return false;
  }
}

std::optional<std::string> text_or_none(std::string_view text) {
  if (text.empty()) return std::nullopt;
  return std::string(text);
}

// The lists that hold the values of a field.
std::vector<IndexField> lists_of(TopField field) {
  switch (field) {
    case TopField::kRemoteAddress:
      return {IndexField::kRemoteAddress, IndexField::kRemoteAddress6};
    case TopField::kRemotePort:
      return {IndexField::kRemotePort};
    case TopField::kLocalPort:
      return {IndexField::kLocalPort};
    case TopField::kProcessId:
      return {IndexField::kProcessId};
    case TopField::kApplication:
    case TopField::kApplicationName:
      return {IndexField::kApplication};
    default:
      return {IndexField::kShape};
  }
}

void add_row(ValueCounts& counts, const IndexRow& row, const std::vector<IndexField>& lists) {
  ++counts.total;
  for (IndexField list : lists) {
    if (!row.has(list)) continue;
    if (has_addresses(list)) {
      counts.add(row.address(list), 1);
    } else {
      counts.add(row.number(list), 1);
    }
  }
}

// The `limit` most frequent of any number of values, ties by value.
class MostFrequent {
 public:
  explicit MostFrequent(std::size_t limit) : limit_(limit) {}

  // Text is made only for what may be among them: there can be millions of values.
  template <class MakeText>
  void offer(std::uint64_t count, const MakeText& text) {
    bool full = values_.size() == limit_;
    if (full && count < values_.rbegin()->count) return;
    values_.insert(ValueCount{text(), count});
    if (full) values_.erase(std::prev(values_.end()));
  }

  std::vector<ValueCount> values() const { return {values_.begin(), values_.end()}; }

 private:
  struct Before {
    bool operator()(const ValueCount& x, const ValueCount& y) const {
      return x.count != y.count ? x.count > y.count : x.value < y.value;
    }
  };

  std::size_t limit_;  // at least 1
  std::set<ValueCount, Before> values_;
};

}  // namespace

std::optional<std::string> shape_value(TopField field, const Event& event) {
  switch (field) {
    case TopField::kDirection:
      if (!event.direction) return std::nullopt;
      return std::string(to_word(*event.direction));
    case TopField::kProtocol:
      if (!event.protocol) return std::nullopt;
      return std::to_string(*event.protocol);
    case TopField::kEventId:
      return std::to_string(event.event_id);
    case TopField::kFilterName:
      return text_or_none(event.filter_name);
    case TopField::kReason:
      return std::string(to_word(event.reason));
    default:
      return text_or_none(event.host);
  }
}

void StoreReader::Impl::count_runs(const Filter& asked, SeqBounds seqs,
                                   const std::vector<IndexField>& lists, ValueCounts& counts) {
  for_each_match(
      use_filter(asked), seqs,
      [&](const Run& run, RunFilter& filter) {
        auto add = [&](const auto& value, std::uint64_t n) { counts.add(value, n); };
        auto add_whole = [&] {
          counts.total += run.rows();
          for (IndexField list : lists) for_each_count(runs_, run, list, add);
        };
        if (filter.is_whole()) return add_whole();
        PositionSet matching = matches_of(run, filter);
        std::uint64_t matches = matching.count();
        if (matches == run.rows()) return add_whole();
        if (are_few(matches, run)) {
          rows_of(run, matching,
                  [&](std::uint32_t, const IndexRow& row) { add_row(counts, row, lists); });
          return;
        }
        counts.total += matches;
        for (IndexField list : lists)
          for_each_count(runs_, run, list, matching, filter.filter(), add);
      },
      [&](const IndexRow& row) { add_row(counts, row, lists); });
}

Top StoreReader::Impl::top(const TopQuery& query) {
  bool of_shape = is_of_shape(query.by);
  std::vector<IndexField> lists = lists_of(query.by);
  // Of these the dictionary has all values in memory, and several numbers may stand for one.
  bool are_texts = of_shape || lists.front() == IndexField::kApplication;
  auto count = [&](SeqBounds seqs, ValueCounts& counts) {
    if (!are_texts) counts.part.most = most_values;
    if (!of_shape || !hours_tell(query.filter, seqs)) {
      return count_runs(query.filter, seqs, lists, counts);
    }
    HourSpan span = hour_span(query.filter);
    for_each_hour_shape(span, [&](std::int64_t, std::uint32_t shape, std::uint64_t n) {
      counts.add(std::int64_t{shape}, n);
      counts.total += n;
    });
    for (const Filter& edge : span.edges) count_runs(edge, seqs, lists, counts);
  };

  Top top;
  MostFrequent best(query.limit);
  std::size_t looked_at = 0;
  auto in_time = [&] {
    if (++looked_at % kBetweenChecks == 0) connection_.check_limits();
  };
  auto offer_texts = [&](const ValueCounts& counts) {
    std::map<std::optional<std::string>, std::uint64_t> values;
    counts.numbers.for_each([&](std::int64_t number, std::uint64_t n) {
      in_time();
      if (of_shape) {
        values[shape_value(query.by, dictionary_.shape(number).event)] += n;
      } else {
        std::string_view path = dictionary_.application(number);
        bool name = query.by == TopField::kApplicationName && !path.empty();
        values[name ? application_name(path) : text_or_none(path)] += n;
      }
    });
    for (const auto& entry : values) {
      best.offer(entry.second, [&] { return entry.first; });
    }
  };
  auto offer_numbers = [&](const ValueCounts& counts) {
    const std::uint64_t absent = counts.total - counts.present;
    if (absent > 0 && counts.part.number == 0) best.offer(absent, [] { return std::nullopt; });
    for (const auto& entry : counts.addresses) {
      in_time();
      best.offer(entry.second, [&] { return format_ip_address(entry.first); });
    }
    bool v4 = query.by == TopField::kRemoteAddress;
    counts.numbers.for_each([&](std::int64_t number, std::uint64_t n) {
      in_time();
      best.offer(n, [&] {
        return v4 ? format_ip_address(IpAddress::v4(static_cast<std::uint32_t>(number)))
                  : number_text(number);
      });
    });
  };
  auto offer = [&](const ValueCounts& counts) {
    top.total = counts.total;
    are_texts ? offer_texts(counts) : offer_numbers(counts);
  };

  for (std::uint64_t parts = 1; parts != 0;) {
    try {
      best = MostFrequent(query.limit);
      if (parts == 1) {
        offer(
            up_to_date(memo_->values, query.filter, static_cast<std::int64_t>(lists.front()), count)
                ->counts);
      }
      for (std::uint64_t number = 0; parts > 1 && number < parts; ++number) {
        ValueCounts counts;
        counts.part = {.number = number, .of = parts};
        count(all_seqs(), counts);
        offer(counts);
      }
      parts = 0;
    } catch (const TooManyValues&) {
      parts *= kMoreParts;
    }
  }
  top.values = best.values();
  return top;
}

}  // namespace blockwatch
