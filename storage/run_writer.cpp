#include "storage/run_writer_internal.h"

#include <algorithm>
#include <utility>

namespace blockwatch {
namespace {

// Blocks of lists kept by position hold as many values as surely fit.
constexpr std::size_t kMaxVarint = 10;

int number_of(IndexField field) { return static_cast<int>(field); }

// One list by position, as RunIndex::values_of reads it.
class PositionList {
 public:
  explicit PositionList(bool rising) : rising_(rising) {}

  void add(std::int64_t value) {
    if (count_ != 0 && values_.size() + 2 * kMaxVarint > kBlockBytes) close();
    if (count_ == 0) last_ = first_ = rising_ ? value : 0;
    auto step = static_cast<std::uint64_t>(value) - static_cast<std::uint64_t>(last_);
    put_varint(values_, rising_ ? step : zigzag(static_cast<std::int64_t>(step)));
    last_ = value;
    ++count_;
  }
  template <class Visit>
  void finish(const Visit& visit) {
    if (count_ != 0) close();
    for (const auto& block : blocks_) {
      visit(PostingBlock<std::int64_t>{block.value, block.position,
                                       std::string_view(bytes_).substr(block.from, block.size)});
    }
  }

 private:
  struct Block {
    std::int64_t value;
    std::uint32_t position;
    std::size_t from;
    std::size_t size;
  };
  void close() {
    Block block{first_, position_, bytes_.size(), 0};
    put_varint(bytes_, count_);
    bytes_ += values_;
    block.size = bytes_.size() - block.from;
    blocks_.push_back(block);
    position_ += count_;
    count_ = 0;
    values_.clear();
  }

  bool rising_;
  std::int64_t first_ = 0;
  std::int64_t last_ = 0;
  std::uint32_t position_ = 0;  // of the open block
  std::uint32_t count_ = 0;     // in it
  std::string values_;          // of it
  std::string bytes_;
  std::vector<Block> blocks_;
};

// Collects groups, and the counts beside them.
template <class Value>
struct ListPair {
  PostingEncoder<Value> positions;
  PostingEncoder<Value> counts;
  void add(const Value& value, std::span<const std::uint32_t> at) {
    positions.add(value, at);
    counts.add_count(value, at.size());
  }
};

// (value, position) pairs, given in order of position, sorted by value.
using NumberPairs = std::vector<std::pair<std::int64_t, std::uint32_t>>;
using AddressPairs = std::vector<std::pair<IpAddress, std::uint32_t>>;

// Values that lie close together (ports, ids) are counted into place.
constexpr std::uint64_t kMaxCountedRange = std::uint64_t{1} << 17U;
constexpr std::size_t kMinCountedPairs = 4096;

void sort_pairs(NumberPairs& pairs) {
  if (std::is_sorted(pairs.begin(), pairs.end())) return;
  auto [low, high] = std::minmax_element(pairs.begin(), pairs.end());
  std::int64_t base = low->first;
  std::uint64_t range = static_cast<std::uint64_t>(high->first) - static_cast<std::uint64_t>(base);
  if (pairs.size() < kMinCountedPairs || range > kMaxCountedRange) {
    std::sort(pairs.begin(), pairs.end());
    return;
  }
  std::vector<std::uint32_t> place(static_cast<std::size_t>(range) + 2);
  for (const auto& pair : pairs) ++place[static_cast<std::size_t>(pair.first - base) + 1];
  for (std::size_t i = 1; i < place.size(); ++i) place[i] += place[i - 1];
  NumberPairs sorted(pairs.size());
  for (const auto& pair : pairs)
    sorted[place[static_cast<std::size_t>(pair.first - base)]++] = pair;
  pairs = std::move(sorted);
}

void sort_pairs(AddressPairs& pairs) { std::sort(pairs.begin(), pairs.end()); }

// The lists of one field of rows in the order of their positions.
template <class Value, class ValueOf>
ListPair<Value> list_of(const std::vector<IndexRow>& rows, IndexField field, ValueOf value_of) {
  std::vector<std::pair<Value, std::uint32_t>> pairs;
  pairs.reserve(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].has(field)) pairs.emplace_back(value_of(rows[i]), static_cast<std::uint32_t>(i));
  }
  sort_pairs(pairs);
  ListPair<Value> lists;
  std::vector<std::uint32_t> positions;
  for (std::size_t from = 0; from < pairs.size();) {
    positions.clear();
    std::size_t to = from;
    for (; to < pairs.size() && pairs[to].first == pairs[from].first; ++to) {
      positions.push_back(pairs[to].second);
    }
    lists.add(pairs[from].first, positions);
    from = to;
  }
  return lists;
}

template <class Value>
void put(SqlStatement& insert, int list, const PostingBlock<Value>& block) {
  insert.bind(2, list);
  bind_value(insert, 3, block.value);
  insert.bind(4, block.position);
  insert.bind_blob(5, block.data);
  insert.run();
}

// From the first row of one run to the last of another.
std::uint64_t rows_between(const Run& first, const Run& last) {
  return last.last_seq - first.first_seq + 1;
}

constexpr const char* kInsertPosting =
    "INSERT INTO posting(run, field, value, position, data) VALUES(?, ?, ?, ?, ?)";

}  // namespace

int RunWriter::level_of(const Run& run) const {
  int level = 0;
  for (std::uint64_t rows = std::uint64_t{run_rows_} * kFanOut;
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

template <class Value>
void RunWriter::write(std::int64_t run, int list, PostingEncoder<Value>& encoder) {
  auto insert = connection_.use(kInsertPosting);
  insert->bind(1, run);
  encoder.finish([&](const auto& block) { put(*insert, list, block); });
}

void RunWriter::add(std::vector<IndexRow> rows) {
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
    auto lists =
        list_of<std::int64_t>(rows, field, [&](const IndexRow& row) { return row.number(field); });
    write(run.id, number_of(field), lists.positions);
    write(run.id, number_of(field) + kCountsOf, lists.counts);
  }
  for (IndexField field : kAddressFields) {
    auto lists =
        list_of<IpAddress>(rows, field, [&](const IndexRow& row) { return row.address(field); });
    write(run.id, number_of(field), lists.positions);
    write(run.id, number_of(field) + kCountsOf, lists.counts);
  }
}

void RunWriter::remove(const Run& run) {
  for (const char* sql : {"DELETE FROM posting WHERE run = ?", "DELETE FROM run WHERE id = ?"}) {
    auto remove = connection_.use(sql);
    remove->bind(1, run.id);
    remove->run();
  }
}

// Several runs become one: positions move, lists are merged value by value.
class RunWriter::Merge {
 public:
  Merge(RunWriter& writer, std::span<const Run> runs) : writer_(writer), runs_(runs) {
    std::vector<const Run*> by_time;
    for (const Run& run : runs) by_time.push_back(&run);
    std::sort(by_time.begin(), by_time.end(),
              [](const Run* x, const Run* y) { return x->min_time < y->min_time; });
    bool apart = true;
    for (std::size_t i = 1; i < by_time.size(); ++i) {
      apart = apart && by_time[i - 1]->max_time < by_time[i]->min_time;
    }
    std::uint32_t base = 0;
    for (const Run* run : by_time) {
      inputs_.push_back({run, base, {}});
      base += run->rows();
    }
    merged_.first_seq = runs.front().first_seq;
    merged_.last_seq = runs.back().last_seq;
    merged_.min_time = by_time.front()->min_time;
    merged_.max_time = 0;
    for (const Run& run : runs) merged_.max_time = std::max(merged_.max_time, run.max_time);
    if (apart) {
      line_up();
    } else {
      interleave();
    }
  }

  Run run() {
    merged_.id = writer_.insert(merged_);
    auto insert = writer_.connection_.use(kInsertPosting);
    insert->bind(1, merged_.id);
    times_.finish([&](const auto& b) { put(*insert, number_of(IndexField::kTime), b); });
    if (!merged_.in_order) {
      order_.finish([&](const auto& b) { put(*insert, number_of(IndexField::kOrder), b); });
    }
    for (IndexField field : kNumberFields) merge_lists<std::int64_t>(field);
    for (IndexField field : kAddressFields) merge_lists<IpAddress>(field);
    for (const Run& old : runs_) writer_.remove(old);
    return merged_;
  }

 private:
  struct Input {
    const Run* run;
    std::uint32_t base;                // new position of the run's first, when the runs lie apart
    std::vector<std::uint32_t> moved;  // else the new position of each
  };

  struct Row {
    std::int64_t time;
    std::uint64_t seq;
  };

  std::vector<Row> rows_of(const Run& run) {
    std::vector<Row> rows(run.rows());
    PositionSpan all{0, run.rows()};
    writer_.index_.times(run, all, run.min_time,
                         [&](std::uint32_t p, std::int64_t time) { rows[p].time = time; });
    writer_.index_.seqs(run, all, [&](std::uint32_t p, std::uint64_t seq) { rows[p].seq = seq; });
    return rows;
  }

  void interleave() {
    struct Source {
      std::vector<Row> rows;
      std::size_t next = 0;
    };
    std::vector<Source> sources;
    for (Input& input : inputs_) {
      sources.push_back({rows_of(*input.run), 0});
      input.moved.resize(input.run->rows());
    }
    // Later ones first, so that the heap's top comes first.
    auto later = [&](std::size_t x, std::size_t y) {
      const Row& a = sources[x].rows[sources[x].next];
      const Row& b = sources[y].rows[sources[y].next];
      return a.time != b.time ? a.time > b.time : a.seq > b.seq;
    };
    std::vector<std::size_t> heap;
    for (std::size_t i = 0; i < sources.size(); ++i) heap.push_back(i);
    std::make_heap(heap.begin(), heap.end(), later);
    for (std::uint32_t position = 0; !heap.empty(); ++position) {
      std::pop_heap(heap.begin(), heap.end(), later);
      Source& source = sources[heap.back()];
      inputs_[heap.back()].moved[source.next] = position;
      add(position, source.rows[source.next].time, source.rows[source.next].seq);
      if (++source.next == source.rows.size()) {
        heap.pop_back();
      } else {
        std::push_heap(heap.begin(), heap.end(), later);
      }
    }
    interleaved_ = true;
  }

  void line_up() {
    for (const Input& input : inputs_) {
      const Run& run = *input.run;
      PositionSpan all{0, run.rows()};
      writer_.index_.times(run, all, run.min_time,
                           [&](std::uint32_t, std::int64_t time) { times_.add(time); });
      writer_.index_.seqs(run, all, [&](std::uint32_t position, std::uint64_t seq) {
        add_order(input.base + position, seq);
      });
    }
  }

  void add(std::uint32_t position, std::int64_t time, std::uint64_t seq) {
    times_.add(time);
    add_order(position, seq);
  }

  void add_order(std::uint32_t position, std::uint64_t seq) {
    std::uint64_t offset = seq - merged_.first_seq;
    merged_.in_order = merged_.in_order && offset == position;
    order_.add(static_cast<std::int64_t>(offset));
  }

  std::uint32_t moved(const Input& input, std::uint32_t position) const {
    return interleaved_ ? input.moved[position] : input.base + position;
  }

  // One input's list, block after block.
  template <class Value>
  class Reader {
   public:
    Reader(const Merge& merge, const Input& input, IndexField field)
        : merge_(&merge),
          input_(&input),
          rows_(merge.writer_.connection_.use(
              "SELECT value, position, data FROM posting WHERE run = ? AND field = ? "
              "ORDER BY value, position")) {
      rows_->bind(1, input.run->id);
      rows_->bind(2, number_of(field));
      advance();
    }
    bool done() const { return !groups_; }
    const Value& value() const { return groups_->value(); }
    // Appends the new positions of this value, and goes on to the next one.
    void take(std::vector<std::uint32_t>& out) {
      Value value = groups_->value();
      do {
        groups_->positions(input_->run->rows(), [&](std::uint32_t position) {
          out.push_back(merge_->moved(*input_, position));
        });
        advance();
      } while (groups_ && groups_->value() == value);
    }

   private:
    void advance() {
      if (groups_ && groups_->next()) return;
      groups_.reset();
      if (!rows_->step()) return;
      groups_.emplace(block_at<Value>(*rows_, *input_->run));
      if (!groups_->next()) throw_damaged_index();
    }
    const Merge* merge_;
    const Input* input_;
    StatementUse rows_;
    std::optional<PostingDecoder<Value>> groups_;
  };

  template <class Value>
  void merge_lists(IndexField field) {
    ListPair<Value> lists;
    {
      std::vector<Reader<Value>> readers;
      readers.reserve(inputs_.size());
      for (const Input& input : inputs_) {
        Reader<Value> reader(*this, input, field);
        if (!reader.done()) readers.push_back(std::move(reader));
      }
      // The highest first, so that the heap's top is the lowest value, of the first input that has
      // it: positions then come in order when the inputs lie apart.
      auto higher = [&](std::size_t x, std::size_t y) {
        const Value& a = readers[x].value();
        const Value& b = readers[y].value();
        return a == b ? y < x : b < a;
      };
      std::vector<std::size_t> heap;
      for (std::size_t i = 0; i < readers.size(); ++i) heap.push_back(i);
      std::make_heap(heap.begin(), heap.end(), higher);
      std::vector<std::uint32_t> positions;
      while (!heap.empty()) {
        Value value = readers[heap.front()].value();
        positions.clear();
        while (!heap.empty() && readers[heap.front()].value() == value) {
          std::pop_heap(heap.begin(), heap.end(), higher);
          Reader<Value>& reader = readers[heap.back()];
          reader.take(positions);
          if (reader.done()) {
            heap.pop_back();
          } else {
            std::push_heap(heap.begin(), heap.end(), higher);
          }
        }
        if (!std::is_sorted(positions.begin(), positions.end())) {
          std::sort(positions.begin(), positions.end());
        }
        lists.add(value, positions);
      }
    }
    writer_.write(merged_.id, number_of(field), lists.positions);
    writer_.write(merged_.id, number_of(field) + kCountsOf, lists.counts);
  }

  RunWriter& writer_;
  std::span<const Run> runs_;
  std::vector<Input> inputs_;
  bool interleaved_ = false;
  Run merged_;
  PositionList times_{true};
  PositionList order_{false};
};

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
    Run merged = Merge(*this, std::span(runs).subspan(first)).run();
    runs.resize(first);
    runs.push_back(merged);
    changed = true;
  }
  return changed;
}

}  // namespace blockwatch
