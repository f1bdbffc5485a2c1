#include <algorithm>

#include "storage/row_internal.h"
#include "storage/run_index_internal.h"

namespace blockwatch {
namespace {

std::uint64_t seq_of(const Run& run, std::int64_t offset) {
  if (offset < 0 || offset >= run.rows()) throw_damaged_index();
  return run.first_seq + static_cast<std::uint64_t>(offset);
}

}  // namespace

void bind_value(SqlStatement& statement, int index, std::int64_t value) {
  statement.bind(index, value);
}

void bind_value(SqlStatement& statement, int index, const IpAddress& value) {
  statement.bind_blob(index,
                      {reinterpret_cast<const char*>(value.bytes.data()), value.bytes.size()});
}

void value_at(const SqlStatement& row, int column, std::int64_t& value) {
  value = row.integer(column);
}

void value_at(const SqlStatement& row, int column, IpAddress& value) {
  std::string_view bytes = row.bytes(column);
  if (bytes.size() != value.bytes.size()) throw_damaged_index();
  std::copy(bytes.begin(), bytes.end(), value.bytes.begin());
}

void RunIndex::refresh(std::int64_t change, std::uint64_t newest_seq) {
  if (change == change_) return;
  change_ = -1;
  runs_.clear();
  orders_.clear();
  times_.clear();
  auto rows = connection_.use(
      "SELECT id, first_seq, last_seq, min_time, max_time, in_order FROM run ORDER BY first_seq");
  std::uint64_t after = 0;
  while (rows->step()) {
    Run run{rows->integer(0),
            static_cast<std::uint64_t>(rows->integer(1)),
            static_cast<std::uint64_t>(rows->integer(2)),
            rows->integer(3),
            rows->integer(4),
            rows->integer(5) != 0};
    // Each begins where the one before ends: rows between two would never be found.
    bool follows = runs_.empty() ? run.first_seq != 0 : run.first_seq == after + 1;
    if (!follows || run.last_seq < run.first_seq || run.last_seq > newest_seq ||
        run.last_seq - run.first_seq >= kMaxRunRows || run.min_time > run.max_time ||
        !is_plausible(Timestamp{run.min_time}) || !is_plausible(Timestamp{run.max_time})) {
      throw_damaged_index();
    }
    after = run.last_seq;
    runs_.push_back(run);
  }
  change_ = change;
}

// A block of a list that is kept by position: the number of its values, then how much each lies
// above the one before (the first: above the block's own).
template <class Visit>
bool RunIndex::values_of(const PostingBlock<std::int64_t>& block, const Run& run, bool rising,
                         const Visit& visit) {
  PostingDecoder<std::int64_t> decoder(block);
  auto value = static_cast<std::uint64_t>(block.value);
  std::uint64_t position = block.position;
  for (std::uint64_t left = decoder.number(); left != 0; --left, ++position) {
    if (position >= run.rows()) throw_damaged_index();
    std::uint64_t step = decoder.number();
    value += rising ? step : static_cast<std::uint64_t>(unzigzag(step));
    if (!visit(static_cast<std::uint32_t>(position), static_cast<std::int64_t>(value)))
      return false;
  }
  return true;
}

std::uint32_t RunIndex::first_at(const Run& run, std::int64_t time) {
  if (time <= run.min_time) return 0;
  if (time > run.max_time) return run.rows();
  std::uint32_t found = run.rows();
  blocks(run, static_cast<int>(IndexField::kTime), time, 0, time, [&](const auto& block) {
    found = block.position;
    if (block.value >= time) return false;
    return values_of(block, run, true, [&](std::uint32_t position, std::int64_t ticks) {
      found = ticks >= time ? position : position + 1;
      return ticks < time;
    });
  });
  return found;
}

std::uint32_t RunIndex::position_of(const Run& run, std::int64_t time, std::uint64_t seq) {
  std::uint32_t low = first_at(run, time);
  if (seq <= run.first_seq || low == run.rows()) return low;
  // Rows of one tick are in order of seq.
  std::uint32_t high = first_at(run, time + 1);
  while (low < high) {
    std::uint32_t middle = low + (high - low) / 2;
    if (seq_at(run, middle) < seq) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

PositionSpan RunIndex::at_time(const Run& run, std::int64_t time) {
  if (time < run.min_time || time > run.max_time) return {};
  auto& decoded = times_[run.id];
  auto inside = [&] {
    return !decoded.values.empty() && decoded.values.front() < time && time < decoded.values.back();
  };
  if (!inside()) {
    decoded.values.clear();
    blocks(run, static_cast<int>(IndexField::kTime), time, 0, time, [&](const auto& block) {
      decoded.first = block.position;
      values_of(block, run, true, [&](std::uint32_t, std::int64_t ticks) {
        decoded.values.push_back(ticks);
        return true;
      });
      return false;
    });
    if (!inside()) return {first_at(run, time), first_at(run, time + 1)};
  }
  auto [from, to] = std::equal_range(decoded.values.begin(), decoded.values.end(), time);
  return {decoded.first + static_cast<std::uint32_t>(from - decoded.values.begin()),
          decoded.first + static_cast<std::uint32_t>(to - decoded.values.begin())};
}

std::uint64_t RunIndex::seq_at(const Run& run, std::uint32_t position) {
  if (run.in_order) return run.first_seq + position;
  auto& decoded = orders_[run.id];
  if (position < decoded.first || position - decoded.first >= decoded.values.size()) {
    decoded.values.clear();
    decoded.first = 0;
    blocks(run, static_cast<int>(IndexField::kOrder), std::int64_t{0}, position, std::int64_t{0},
           [&](const auto& block) {
             decoded.first = block.position;
             values_of(block, run, false, [&](std::uint32_t, std::int64_t offset) {
               decoded.values.push_back(seq_of(run, offset));
               return true;
             });
             return false;
           });
    if (position < decoded.first || position - decoded.first >= decoded.values.size()) {
      throw_damaged_index();
    }
  }
  return decoded.values[position - decoded.first];
}

void RunIndex::times(const Run& run, PositionSpan span, std::int64_t from,
                     const std::function<void(std::uint32_t, std::int64_t)>& visit) {
  if (span.empty()) return;
  std::uint32_t next = span.first;
  blocks(run, static_cast<int>(IndexField::kTime), from, 0, INT64_MAX, [&](const auto& block) {
    return values_of(block, run, true, [&](std::uint32_t position, std::int64_t ticks) {
      if (position < next) return true;
      if (position != next) throw_damaged_index();
      visit(next++, ticks);
      return next < span.end;
    });
  });
  if (next < span.end) throw_damaged_index();
}

void RunIndex::seqs(const Run& run, PositionSpan span,
                    const std::function<void(std::uint32_t, std::uint64_t)>& visit) {
  if (span.empty()) return;
  if (run.in_order) {
    for (std::uint32_t p = span.first; p < span.end; ++p) visit(p, run.first_seq + p);
    return;
  }
  std::uint32_t next = span.first;
  blocks(run, static_cast<int>(IndexField::kOrder), std::int64_t{0}, span.first, std::int64_t{0},
         [&](const auto& block) {
           return values_of(block, run, false, [&](std::uint32_t position, std::int64_t offset) {
             if (position < next) return true;
             if (position != next) throw_damaged_index();
             visit(next++, seq_of(run, offset));
             return next < span.end;
           });
         });
  if (next < span.end) throw_damaged_index();
}

}  // namespace blockwatch
