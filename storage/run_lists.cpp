#include "storage/run_lists_internal.h"

#include <algorithm>
#include <utility>

namespace blockwatch {
namespace {

// (value, position) pairs, given in order of position, sorted by value.
using NumberPairs = std::vector<std::pair<std::int64_t, std::uint32_t>>;
using AddressPairs = std::vector<std::pair<IpAddress, std::uint32_t>>;

// By the digits of the value, the lowest first; order of positions is kept.
void sort_pairs(NumberPairs& pairs) {
  if (std::is_sorted(pairs.begin(), pairs.end())) return;
  constexpr unsigned kDigitBits = 11;
  constexpr std::uint64_t kDigits = std::uint64_t{1} << kDigitBits;
  auto [low, high] = std::minmax_element(pairs.begin(), pairs.end());
  const auto base = static_cast<std::uint64_t>(low->first);
  const std::uint64_t range = static_cast<std::uint64_t>(high->first) - base;
  NumberPairs sorted(pairs.size());
  for (unsigned shift = 0; shift < 64 && range >> shift != 0; shift += kDigitBits) {
    auto digit = [&](const NumberPairs::value_type& pair) {
      return (static_cast<std::uint64_t>(pair.first) - base) >> shift & (kDigits - 1);
    };
    std::array<std::uint32_t, kDigits + 1> place{};
    for (const auto& pair : pairs) ++place[digit(pair) + 1];
    for (std::size_t i = 1; i < place.size(); ++i) place[i] += place[i - 1];
    for (const auto& pair : pairs) sorted[place[digit(pair)]++] = pair;
    pairs.swap(sorted);
  }
}

void sort_pairs(AddressPairs& pairs) { std::sort(pairs.begin(), pairs.end()); }

// Makes the lists of one field of rows in the order of their positions.
template <class Value, class ValueOf>
void make_lists(FieldLists<Value>& lists, IndexField field, std::span<const IndexRow> rows,
                ValueOf value_of) {
  std::vector<std::pair<Value, std::uint32_t>> pairs;
  pairs.reserve(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].has(field)) pairs.emplace_back(value_of(rows[i]), static_cast<std::uint32_t>(i));
  }
  sort_pairs(pairs);
  for (auto from = pairs.begin(); from != pairs.end();) {
    const Value value = from->first;
    auto to = from;
    for (; to != pairs.end() && to->first == value; ++to) lists.add(value, to->second);
    lists.add_count(value, static_cast<std::uint64_t>(to - from));
    from = to;
  }
}

}  // namespace

RunLists::RunLists(std::span<const IndexRow> rows) {
  run_.first_seq = rows.front().seq;
  run_.last_seq = rows.back().seq;
  run_.in_order = std::is_sorted(rows.begin(), rows.end(), comes_before);
  if (run_.in_order) {
    add(rows);
    return;
  }
  std::vector<IndexRow> by_time(rows.begin(), rows.end());
  std::sort(by_time.begin(), by_time.end(), comes_before);
  add(by_time);
  for (const IndexRow& row : by_time) {
    order_.add(static_cast<std::int64_t>(row.seq - run_.first_seq));
  }
}

void RunLists::add(std::span<const IndexRow> by_time) {
  run_.min_time = by_time.front().time;
  run_.max_time = by_time.back().time;
  for (const IndexRow& row : by_time) times_.add(row.time);
  for (std::size_t i = 0; i < kNumberFields.size(); ++i) {
    const IndexField field = kNumberFields[i];
    make_lists(numbers_[i], field, by_time, [&](const IndexRow& row) { return row.number(field); });
  }
  for (std::size_t i = 0; i < kAddressFields.size(); ++i) {
    const IndexField field = kAddressFields[i];
    make_lists(addresses_[i], field, by_time,
               [&](const IndexRow& row) { return row.address(field); });
  }
}

void RunLists::write(SqlStatement& insert) {
  times_.finish([&](const auto& block) { put(insert, number_of(IndexField::kTime), block); });
  order_.finish([&](const auto& block) { put(insert, number_of(IndexField::kOrder), block); });
  for (std::size_t i = 0; i < kNumberFields.size(); ++i) {
    numbers_[i].finish(insert, kNumberFields[i]);
  }
  for (std::size_t i = 0; i < kAddressFields.size(); ++i) {
    addresses_[i].finish(insert, kAddressFields[i]);
  }
}

}  // namespace blockwatch
