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
  // Runs without rows only wait to be removed (Store::clean_up).
  auto rows = connection_.use(
      "SELECT id, first_seq, last_seq, min_time, max_time, in_order FROM run "
      "WHERE last_seq > (SELECT deleted_through FROM state) ORDER BY first_seq");
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

template <class Visit>
void RunIndex::block_with(const Run& run, IndexField list, std::int64_t value,
                          std::uint32_t position, const Visit& visit) {
  Place<std::int64_t> place{value, position};
  blocks(run, static_cast<int>(list), place, place, [&](const auto& block) {
    visit(block);
    return false;
  });
}

template <class Visit>
void RunIndex::blocks_from(const Run& run, IndexField list, std::int64_t value,
                           std::uint32_t position, const Visit& visit) {
  Place<std::int64_t> first;
  bool more = true;
  block_with(run, list, value, position, [&](const auto& block) {
    first = {block.value, block.position};
    more = visit(block);
  });
  if (!more) return;
  auto rows = connection_.use(
      "SELECT value, position, data FROM posting WHERE run = ? AND field = ? AND "
      "(value, position) > (?, ?) ORDER BY value, position");
  rows->bind(1, run.id);
  rows->bind(2, static_cast<int>(list));
  rows->bind(3, first.value);
  rows->bind(4, first.position);
  while (rows->step()) {
    ++blocks_read_;
    check_now_and_then();
    if (!visit(block_at<std::int64_t>(*rows, run))) return;
  }
}

std::uint32_t RunIndex::first_at(const Run& run, std::int64_t time) {
  if (time <= run.min_time) return 0;
  if (time > run.max_time) return run.rows();
  std::uint32_t found = run.rows();
  block_with(run, IndexField::kTime, time, 0, [&](const auto& block) {
    values_of(block, run, true, [&](std::uint32_t position, std::int64_t ticks) {
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
    block_with(run, IndexField::kTime, time, 0, [&](const auto& block) {
      decoded.first = block.position;
      values_of(block, run, true, [&](std::uint32_t, std::int64_t ticks) {
        decoded.values.push_back(ticks);
        return true;
      });
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
    block_with(run, IndexField::kOrder, 0, position, [&](const auto& block) {
      decoded.first = block.position;
      values_of(block, run, false, [&](std::uint32_t, std::int64_t offset) {
        decoded.values.push_back(seq_of(run, offset));
        return true;
      });
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
  blocks_from(run, IndexField::kTime, from, 0, [&](const auto& block) {
    return values_of(block, run, true, [&](std::uint32_t position, std::int64_t ticks) {
      if (position < next) return true;
      if (position != next) throw_damaged_index();
      visit(next++, ticks);
      return next < span.end;
    });
  });
  if (next < span.end) throw_damaged_index();
}

std::vector<RunIndex::BucketStart> RunIndex::buckets(const Run& run, PositionSpan span,
                                                     std::int64_t from, std::int64_t end,
                                                     std::int64_t ticks) {
  // More blocks of one bucket in a row than this: its beginning is sought.
  constexpr int kStepsToSeek = 8;
  std::vector<BucketStart> starts;  // the last one first
  Place<std::int64_t> low{std::max(from, run.min_time), 0};
  Place<std::int64_t> high{std::min(end - 1, run.max_time), UINT32_MAX};
  std::vector<BucketStart> inside;  // of one block
  bool more = !span.empty();
  while (more) {
    more = false;
    int steps = 0;
    blocks(run, static_cast<int>(IndexField::kTime), low, high, [&](const auto& block) {
      if (block.position >= span.end) return true;
      bool more_before = block.position > span.first;
      std::int64_t bucket = block.value / ticks;
      if (!starts.empty() && starts.back().bucket == bucket) {  // so are all rows between
        starts.back().first = std::max(block.position, span.first);
        if (!more_before || ++steps < kStepsToSeek) return more_before;
        high = {std::max(bucket * ticks, low.value), 0};
        more = true;
        return false;
      }
      inside.clear();
      std::uint32_t next = block.position;
      values_of(block, run, true, [&](std::uint32_t position, std::int64_t time) {
        if (position >= span.end) return false;
        next = position + 1;
        if (position < span.first) return true;
        std::int64_t at = time / ticks;
        if (inside.empty() || inside.back().bucket != at) inside.push_back({at, position});
        return true;
      });
      if (!starts.empty()) {
        if (next > starts.back().first) throw_damaged_index();
        starts.back().first = std::max(next, span.first);
        if (!inside.empty() && inside.back().bucket == starts.back().bucket) starts.pop_back();
      }
      starts.insert(starts.end(), inside.rbegin(), inside.rend());
      steps = 0;
      return more_before;
    });
  }
  std::reverse(starts.begin(), starts.end());
  if (!span.empty() && (starts.empty() || starts.front().first != span.first)) {
    throw_damaged_index();
  }
  return starts;
}

void RunIndex::seqs(const Run& run, PositionSpan span,
                    const std::function<void(std::uint32_t, std::uint64_t)>& visit) {
  if (span.empty()) return;
  if (run.in_order) {
    for (std::uint32_t p = span.first; p < span.end; ++p) visit(p, run.first_seq + p);
    return;
  }
  std::uint32_t next = span.first;
  blocks_from(run, IndexField::kOrder, 0, span.first, [&](const auto& block) {
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
