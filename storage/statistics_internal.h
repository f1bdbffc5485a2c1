#pragma once
// Shared by the questions that count.

#include <cstdint>
#include <string>
#include <vector>

#include "storage/store_internal.h"

namespace blockwatch {

// A filter's time as whole hours, which the hourly tables can answer, and what is left over.
struct HourSpan {
  std::int64_t first_hour = 0;
  std::int64_t end_hour = 0;  // exclusive; equal to first_hour when there is no whole hour
  std::vector<Filter> edges;  // the filter, for the parts of hours at either end
};
HourSpan hour_span(const Filter& filter);

// The text of a field that shapes decide.
std::optional<std::string> shape_value(TopField field, const Event& event);

// So few that reading their rows costs less than reading a list of the whole run.
bool are_few(std::uint64_t matches, const Run& run);

// Ids are 64-bit unsigned, stored as the same bits.
std::string number_text(std::int64_t stored);

template <class Table, class Count>
auto StoreReader::Impl::up_to_date(Table& known, const Filter& filter, std::int64_t what,
                                   const Count& count) {
  auto before = known.find(filter, what);
  bool usable = before && before->deleted_through == state_.deleted_through &&
                before->through <= state_.newest_seq;
  if (usable && before->through == state_.newest_seq) return before;
  using Known = std::decay_t<decltype(*before)>;
  auto counted = std::make_shared<std::remove_const_t<Known>>();
  if (usable) *counted = *before;
  SeqBounds seqs = all_seqs();
  if (usable) seqs.first = before->through + 1;
  count(seqs, counted->counts);
  counted->through = state_.newest_seq;
  counted->deleted_through = state_.deleted_through;
  known.keep(filter, what, counted);
  return decltype(before)(counted);
}

}  // namespace blockwatch
