#include "storage/run_writer_internal.h"

#include <algorithm>
#include <array>
#include <utility>

#include "storage/run_lists_internal.h"

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

// Writes the lists of one field of rows in the order of their positions.
template <class Value, class ValueOf>
void write_lists(SqlConnection& connection, std::int64_t run, IndexField field,
                 const std::vector<IndexRow>& rows, ValueOf value_of) {
  std::vector<std::pair<Value, std::uint32_t>> pairs;
  pairs.reserve(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].has(field)) pairs.emplace_back(value_of(rows[i]), static_cast<std::uint32_t>(i));
  }
  sort_pairs(pairs);
  FieldWriter<Value> lists(connection, run, field);
  for (auto from = pairs.begin(); from != pairs.end();) {
    const Value value = from->first;
    auto to = from;
    for (; to != pairs.end() && to->first == value; ++to) lists.add(value, to->second);
    lists.add_count(value, static_cast<std::uint64_t>(to - from));
    from = to;
  }
  lists.finish();
}

// From the first row of one run to the last of another.
std::uint64_t rows_between(const Run& first, const Run& last) {
  return last.last_seq - first.first_seq + 1;
}

}  // namespace

int RunWriter::level_of(const Run& run) const {
  int level = 0;
  // Half the rows are enough, so that the runs of large commits need not be merged at once.
  for (std::uint64_t rows = std::uint64_t{run_rows_} * kFanOut / 2;
       level < kTopLevel && run.rows() >= rows; rows *= kFanOut) {
    ++level;
  }
  return level;
}

std::int64_t RunWriter::insert(const Run& run) {
  auto row = connection_.use(
      "INSERT INTO run(first_seq, last_seq, min_time, max_time, in_order) VALUES(?, ?, ?, ?, ?)");
  row->bind(1, static_cast<std::int64_t>(run.first_seq));
  row->bind(2, static_cast<std::int64_t>(run.last_seq));
  row->bind(3, run.min_time);
  row->bind(4, run.max_time);
  row->bind(5, run.in_order ? 1 : 0);
  row->run();
  return sqlite3_last_insert_rowid(connection_.handle());
}

void RunWriter::add(std::vector<IndexRow>& rows) {
  if (rows.empty()) return;
  Run run;
  run.first_seq = rows.front().seq;
  run.last_seq = rows.back().seq;
  run.in_order = std::is_sorted(rows.begin(), rows.end(), comes_before);
  if (!run.in_order) std::sort(rows.begin(), rows.end(), comes_before);
  run.min_time = rows.front().time;
  run.max_time = rows.back().time;
  run.id = insert(run);

  PositionList times(true);
  for (const IndexRow& row : rows) times.add(row.time);
  PositionList order(false);
  if (!run.in_order) {
    for (const IndexRow& row : rows) order.add(static_cast<std::int64_t>(row.seq - run.first_seq));
  }
  {
    auto insert = connection_.use(kInsertPosting);
    insert->bind(1, run.id);
    times.finish([&](const auto& b) { put(*insert, number_of(IndexField::kTime), b); });
    order.finish([&](const auto& b) { put(*insert, number_of(IndexField::kOrder), b); });
  }
  for (IndexField field : kNumberFields) {
    write_lists<std::int64_t>(connection_, run.id, field, rows,
                              [&](const IndexRow& row) { return row.number(field); });
  }
  for (IndexField field : kAddressFields) {
    write_lists<IpAddress>(connection_, run.id, field, rows,
                           [&](const IndexRow& row) { return row.address(field); });
  }
}

void RunWriter::remove(const Run& run) {
  for (const char* sql : {"DELETE FROM posting WHERE run = ?", "DELETE FROM run WHERE id = ?"}) {
    auto remove = connection_.use(sql);
    remove->bind(1, run.id);
    remove->run();
  }
}

std::size_t RunWriter::first_to_merge(const std::vector<Run>& runs) const {
  int level = level_of(runs.back());
  std::size_t last = runs.size() - 1;
  std::size_t first = last;
  // Small runs before a larger one (of a large commit) would stay small for ever: they join it.
  while (first != 0 && level_of(runs[first - 1]) < level) --first;
  if (first == last) {
    while (first != 0 && level_of(runs[first - 1]) == level) --first;
    std::uint64_t enough = run_rows_;
    for (int i = 0; i <= level; ++i) enough *= kFanOut;
    if (level == kTopLevel || rows_between(runs[first], runs[last]) < enough) return runs.size();
  }
  return rows_between(runs[first], runs[last]) <= kMaxRunRows ? first : runs.size();
}

bool RunWriter::merge(std::vector<Run> runs) {
  bool changed = false;
  while (!runs.empty()) {
    std::size_t first = first_to_merge(runs);
    if (first == runs.size()) break;
    Run made = merged(std::span(runs).subspan(first));
    runs.resize(first);
    runs.push_back(made);
    changed = true;
  }
  return changed;
}

}  // namespace blockwatch
