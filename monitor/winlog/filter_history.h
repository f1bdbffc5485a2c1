#pragma once
// What the log itself tells about the filters of a host, so that an event can be given the name
// that its filter had when it happened.

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string_view>
#include <utility>

#include "monitor/winlog/filter.h"

namespace blockwatch::winlog {

// Records that tell of filters: Windows starts and gives ids anew (4608), a filter is there when
// the filtering engine starts (5441), a filter was added or deleted (5447).
constexpr bool tells_of_filters(std::uint32_t event_id) {
  return event_id == 4608 || event_id == 5441 || event_id == 5447;
}

struct FilterChange {
  enum class Kind : std::uint8_t { kStart, kThere, kGone };
  Kind kind = Kind::kStart;
  Timestamp time;
  std::uint64_t filter_id = 0;  // none at a start, as is all that follows
  std::optional<std::uint64_t> layer_id;
  std::string_view name;
  std::string_view provider_key;
  std::string_view provider;
};

// nullopt when the record does not tell all that is needed. The texts are those of `data`.
std::optional<FilterChange> filter_change(std::uint32_t event_id, Timestamp time,
                                          std::span<const RawField> data);

// Of one host. Changes may come in any order: archives and wrapped logs are not sorted by time.
class FilterHistory {
 public:
  // Of a filter's or provider's name; what has a longer one is not kept.
  static constexpr std::size_t kMaxNameBytes = 512;

  void add(const FilterChange& change);
  // The event's filter as it was at the event's time; null when that is not known.
  const Filter* find(const Event& event) const;
  std::size_t size() const { return filters_.size() + starts_.size(); }

 private:
  using Key = std::pair<std::uint64_t, Timestamp>;  // id and since when

  std::map<Key, Filter> filters_;  // without a name: there is no such filter from then on
  std::set<Timestamp> starts_;
};

}  // namespace blockwatch::winlog
