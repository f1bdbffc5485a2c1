#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <utility>

#include "storage/count_map.h"
#include "storage/row_internal.h"
#include "storage/statistics_internal.h"
#include "storage/words.h"

namespace blockwatch {
namespace {

using Text = std::optional<std::string>;

Text text_or_none(std::string_view text) {
  if (text.empty()) return std::nullopt;
  return std::string(text);
}

template <class Number>
Text number_or_none(const std::optional<Number>& number) {
  if (!number) return std::nullopt;
  return std::to_string(*number);
}

struct ShapeField {
  std::string_view name;
  Text (*value)(const Event& event);
};

constexpr std::array kShapeFields{
    ShapeField{"direction",
               [](const Event& e) {
                 return e.direction ? Text(std::string(to_word(*e.direction))) : Text();
               }},
    ShapeField{"action", [](const Event& e) { return Text(to_word(action_of(e.event_id))); }},
    ShapeField{"scope", [](const Event& e) { return Text(to_word(scope_of(e.event_id))); }},
    ShapeField{"protocol", [](const Event& e) { return number_or_none(e.protocol); }},
    ShapeField{"event_id", [](const Event& e) { return Text(std::to_string(e.event_id)); }},
    ShapeField{"reason", [](const Event& e) { return Text(to_word(e.reason)); }},
    ShapeField{"user", [](const Event& e) { return text_or_none(e.user); }},
    ShapeField{"filter_name", [](const Event& e) { return text_or_none(e.filter_name); }},
    ShapeField{"filter_origin", [](const Event& e) { return text_or_none(e.filter_origin); }},
    ShapeField{"layer", [](const Event& e) { return text_or_none(e.layer); }},
    ShapeField{"interface_index", [](const Event& e) { return number_or_none(e.interface_index); }},
    ShapeField{"host", [](const Event& e) { return text_or_none(e.host); }},
    ShapeField{"source", [](const Event& e) { return text_or_none(e.source); }},
};

struct ListField {
  std::string_view name;
  std::vector<IndexField> lists;
};
const std::array kListFields{
    ListField{"remote_address", {IndexField::kRemoteAddress, IndexField::kRemoteAddress6}},
    ListField{"local_address", {IndexField::kLocalAddress, IndexField::kLocalAddress6}},
    ListField{"address",
              {IndexField::kRemoteAddress, IndexField::kRemoteAddress6, IndexField::kLocalAddress,
               IndexField::kLocalAddress6}},
    ListField{"remote_port", {IndexField::kRemotePort}},
    ListField{"local_port", {IndexField::kLocalPort}},
    ListField{"port", {IndexField::kRemotePort, IndexField::kLocalPort}},
    ListField{"process_id", {IndexField::kProcessId}},
    ListField{"filter_id", {IndexField::kFilterId}},
    ListField{"application", {IndexField::kApplication}},
    ListField{"application_name", {IndexField::kApplication}},
};

std::string value_text(const IpAddress& address) { return format_ip_address(address); }
std::string value_text(std::uint64_t number) { return std::to_string(number); }

bool all_digits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// Numbers by size, everything else without case.
bool text_comes_before(const std::string& x, const std::string& y) {
  if (all_digits(x) && all_digits(y)) return x.size() != y.size() ? x.size() < y.size() : x < y;
  std::string fx = ascii_lowered(x);
  std::string fy = ascii_lowered(y);
  return fx != fy ? fx < fy : x < y;
}

// Of any number of values the `limit` smallest that fit, and how often each occurred. What is
// larger than so many others need not be kept: it would not be among them again.
template <class Value, class Fits>
class SmallestValues {
 public:
  SmallestValues(std::size_t limit, Fits fits) : limit_(limit), fits_(std::move(fits)) {}

  void add(const Value& value, std::uint64_t n) {
    const bool full = counts_.size() >= limit_;
    if (full && (limit_ == 0 || counts_.rbegin()->first < value)) return;
    auto at = counts_.lower_bound(value);
    if (at == counts_.end() || value < at->first) {
      if (!fits_(value)) return;
      at = counts_.emplace_hint(at, value, 0);
      if (full) counts_.erase(std::prev(counts_.end()));
    }
    at->second += n;
  }

  const std::map<Value, std::uint64_t>& counts() const { return counts_; }

 private:
  std::size_t limit_;
  Fits fits_;
  std::map<Value, std::uint64_t> counts_;
};

}  // namespace

Result<std::vector<ValueCount>> StoreReader::Impl::field_values(const std::string& field,
                                                                const std::string& prefix,
                                                                std::uint32_t limit) {
  std::string wanted = ascii_lowered(prefix);
  std::map<std::string, std::uint64_t> found;
  auto add = [&](const Text& value, std::uint64_t n) {
    if (value && ascii_lowered(*value).compare(0, wanted.size(), wanted) == 0) found[*value] += n;
  };
  auto finish = [&] {
    std::vector<ValueCount> values;
    values.reserve(found.size());
    for (auto& [value, n] : found) values.push_back({value, n});
    std::sort(values.begin(), values.end(),
              [](const auto& x, const auto& y) { return text_comes_before(*x.value, *y.value); });
    if (values.size() > limit) values.resize(limit);
    return values;
  };

  for (const ShapeField& known : kShapeFields) {
    if (known.name != field) continue;
    use_filter({});
    CountMap shapes;
    for_each_hour_shape(hour_span({}), [&](std::int64_t, std::uint32_t shape, std::uint64_t n) {
      shapes.add(shape, n);
    });
    shapes.for_each([&](std::int64_t shape, std::uint64_t n) {
      add(known.value(dictionary_.shape(shape).event), n);
    });
    return finish();
  }

  for (const ListField& known : kListFields) {
    if (known.name != field) continue;
    bool path = field == "application";
    if (path || field == "application_name") {
      count_values(known.lists, [&](const auto& value, std::uint64_t n) {
        if constexpr (std::is_same_v<std::decay_t<decltype(value)>, std::int64_t>) {
          std::string_view text = dictionary_.application(value);
          if (!text.empty()) add(path ? Text(text) : Text(application_name(text)), n);
        }
      });
      return finish();
    }
    return list_values(known.lists, wanted, limit);
  }
  return make_error(ErrorCode::kNotFound, "there is no list of values for \"" + field + "\"");
}

template <class Visit>
void StoreReader::Impl::count_values(const std::vector<IndexField>& lists, const Visit& visit) {
  for_each_match(
      use_filter({}), all_seqs(),
      [&](const Run& run, RunFilter& filter) {
        for (IndexField list : lists) {
          if (filter.is_whole()) {
            for_each_count(runs_, run, list, visit);
          } else {
            for_each_count(runs_, run, list, matches_of(run, filter), filter.filter(), visit);
          }
        }
      },
      [&](const IndexRow& row) {
        for (IndexField list : lists) {
          if (!row.has(list)) continue;
          if (has_addresses(list)) {
            visit(row.address(list), 1);
          } else {
            visit(row.number(list), 1);
          }
        }
      });
}

std::vector<ValueCount> StoreReader::Impl::list_values(const std::vector<IndexField>& lists,
                                                       const std::string& prefix,
                                                       std::uint32_t limit) {
  auto fits = [&](const auto& value) {
    return prefix.empty() || value_text(value).compare(0, prefix.size(), prefix) == 0;
  };
  SmallestValues<IpAddress, decltype(fits)> addresses(limit, fits);
  SmallestValues<std::uint64_t, decltype(fits)> numbers(limit, fits);
  bool v4 = lists.front() >= IndexField::kLocalAddress;
  count_values(lists, [&](const auto& value, std::uint64_t n) {
    if constexpr (std::is_same_v<std::decay_t<decltype(value)>, IpAddress>) {
      addresses.add(value, n);
    } else if (v4) {
      addresses.add(IpAddress::v4(static_cast<std::uint32_t>(value)), n);
    } else {
      numbers.add(static_cast<std::uint64_t>(value), n);
    }
  });
  // An event that has the value on both sides counts once.
  bool port = lists.front() == IndexField::kRemotePort && lists.size() == 2;
  bool address = lists.size() == 4;
  std::vector<ValueCount> values;
  for (const auto& [value, n] : addresses.counts()) {
    Filter filter;
    filter.address.any = {{value, value}};
    values.push_back({value_text(value), address ? count_rows(filter, state_.newest_seq) : n});
  }
  for (const auto& [value, n] : numbers.counts()) {
    Filter filter;
    filter.port.any = {{value, value}};
    values.push_back({value_text(value), port ? count_rows(filter, state_.newest_seq) : n});
  }
  return values;
}

}  // namespace blockwatch
