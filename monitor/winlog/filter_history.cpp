#include "monitor/winlog/filter_history.h"

#include <charconv>
#include <iterator>
#include <string>

#include "storage/words.h"

namespace blockwatch::winlog {

namespace {

constexpr std::string_view kNoProvider = "{00000000-0000-0000-0000-000000000000}";
constexpr std::string_view kDeleted = "%%16385";

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::optional<FilterChange> filter_change(std::uint32_t event_id, Timestamp time,
                                          std::span<const RawField> data) {
  FilterChange change;
  change.time = time;
  if (event_id == 4608) return change;
  change.kind = FilterChange::Kind::kThere;
  for (const RawField& field : data) {
    if (equal_ignoring_case(field.name, "FilterId")) {
      change.filter_id = number(field.value).value_or(0);
    } else if (equal_ignoring_case(field.name, "FilterName")) {
      change.name = field.value;
    } else if (equal_ignoring_case(field.name, "LayerId")) {
      change.layer_id = number(field.value);
    } else if (equal_ignoring_case(field.name, "ProviderKey")) {
      if (field.value != kNoProvider) change.provider_key = field.value;
    } else if (equal_ignoring_case(field.name, "ProviderName")) {
      if (field.value != "-") change.provider = field.value;
    } else if (equal_ignoring_case(field.name, "ChangeType") && field.value == kDeleted) {
      change.kind = FilterChange::Kind::kGone;
    }
  }
  if (change.filter_id == 0) return std::nullopt;
  return change;
}

void FilterHistory::add(const FilterChange& change) {
  if (change.kind == FilterChange::Kind::kStart) {
    starts_.insert(change.time);
    return;
  }
  Filter filter;
  if (change.kind == FilterChange::Kind::kThere && change.name.size() <= kMaxNameBytes &&
      change.provider.size() <= kMaxNameBytes && change.provider_key.size() <= kNoProvider.size()) {
    filter = {std::string(change.name), std::string(change.provider_key),
              std::string(change.provider), change.layer_id};
  }
  filters_.insert_or_assign({change.filter_id, change.time}, std::move(filter));
}

const Filter* FilterHistory::find(const Event& event) const {
  if (filters_.empty() || !event.filter_id) return nullptr;
  auto next = filters_.upper_bound({*event.filter_id, event.time});
  if (next == filters_.begin()) return nullptr;
  const auto& [key, filter] = *std::prev(next);
  if (key.first != *event.filter_id || filter.name.empty()) return nullptr;
  // Another layer is another filter: the log does not hold all that happened.
  if (filter.layer_id && event.layer_id && *filter.layer_id != *event.layer_id) return nullptr;
  const auto start = starts_.upper_bound(key.second);
  return start != starts_.end() && *start <= event.time ? nullptr : &filter;
}

}  // namespace blockwatch::winlog
