#include <algorithm>
#include <optional>
#include <utility>

#include "storage/run_writer_internal.h"

namespace blockwatch {

// Several runs become one: positions move, lists are merged value by value.
class RunWriter::Merge {
 public:
  Merge(RunWriter& writer, std::span<const Run> runs) : writer_(writer), runs_(runs) {
    std::vector<const Run*> by_time;
    for (const Run& run : runs) by_time.push_back(&run);
    std::sort(by_time.begin(), by_time.end(),
              [](const Run* x, const Run* y) { return x->min_time < y->min_time; });
    for (std::size_t i = 1; i < by_time.size(); ++i) {
      apart_ = apart_ && by_time[i - 1]->max_time < by_time[i]->min_time;
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
    if (apart_) {
      line_up();
    } else {
      interleave();
    }
  }

  Run run() {
    merged_.id = writer_.insert(merged_);
    if (apart_) copy_times();
    {
      auto insert = writer_.connection_.use(kInsertPosting);
      insert->bind(1, merged_.id);
      times_.finish([&](const auto& b) { put(*insert, number_of(IndexField::kTime), b); });
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
      const Row& row = source.rows[source.next];
      times_.add(row.time);
      order_.add(static_cast<std::int64_t>(row.seq - merged_.first_seq));
      merged_.in_order = merged_.in_order && row.seq - merged_.first_seq == position;
      if (++source.next == source.rows.size()) {
        heap.pop_back();
      } else {
        std::push_heap(heap.begin(), heap.end(), later);
      }
    }
    if (merged_.in_order) order_ = PositionList(false);
  }

  // The runs follow each other: their lists are joined as they are, only their positions rise.
  void line_up() {
    for (const Input& input : inputs_) {
      merged_.in_order = merged_.in_order && input.run->in_order &&
                         input.run->first_seq == merged_.first_seq + input.base;
    }
    if (merged_.in_order) return;
    for (const Input& input : inputs_) {
      writer_.index_.seqs(*input.run, {0, input.run->rows()},
                          [&](std::uint32_t, std::uint64_t seq) {
                            order_.add(static_cast<std::int64_t>(seq - merged_.first_seq));
                          });
    }
  }

  void copy_times() {
    for (const Input& input : inputs_) {
      auto copy = writer_.connection_.use(
          "INSERT INTO posting SELECT ?1, field, value, position + ?2, data FROM posting "
          "WHERE run = ?3 AND field = ?4");
      copy->bind(1, merged_.id);
      copy->bind(2, input.base);
      copy->bind(3, input.run->id);
      copy->bind(4, number_of(IndexField::kTime));
      copy->run();
    }
  }

  // One input's list, block after block.
  template <class Value>
  class Reader {
   public:
    Reader(SqlConnection& connection, const Input& input, IndexField field)
        : input_(&input),
          rows_(connection.use(
              "SELECT value, position, data FROM posting WHERE run = ? AND field = ? "
              "ORDER BY value, position")) {
      rows_->bind(1, input.run->id);
      rows_->bind(2, number_of(field));
      advance();
    }
    bool done() const { return !groups_; }
    const Value& value() const { return groups_->value(); }
    // Gives the groups of this value, and goes on to the next value.
    template <class Visit>
    void take(const Visit& visit) {
      const Value value = groups_->value();
      do {
        visit(*input_, *groups_);
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
    const Input* input_;
    StatementUse rows_;
    std::optional<PostingDecoder<Value>> groups_;
  };

  // The value that a reader has next.
  template <class Value>
  struct Next {
    Value value;
    std::size_t reader;
    // The first input that has a value comes first: where runs lie apart, positions then rise.
    friend bool operator<(const Next& x, const Next& y) {
      return x.value == y.value ? x.reader < y.reader : x.value < y.value;
    }
  };

  // Puts the first of a heap, which may have grown, in its place. Neighbouring values are mostly in
  // one list, so that it mostly stays where it is.
  template <class Value>
  static void sift_down(std::vector<Next<Value>>& heap) {
    const Next<Value> first = heap.front();
    std::size_t at = 0;
    for (std::size_t child = 1; child < heap.size(); child = 2 * at + 1) {
      if (child + 1 < heap.size() && heap[child + 1] < heap[child]) ++child;
      if (first < heap[child]) break;
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = first;
  }

  template <class Value>
  void merge_lists(IndexField field) {
    auto insert = writer_.connection_.use(kInsertPosting);
    insert->bind(1, merged_.id);
    FieldLists<Value> lists;
    std::vector<Reader<Value>> readers;
    readers.reserve(inputs_.size());
    for (const Input& input : inputs_) {
      Reader<Value> reader(writer_.connection_, input, field);
      if (!reader.done()) readers.push_back(std::move(reader));
    }
    std::vector<Next<Value>> heap;
    for (std::size_t i = 0; i < readers.size(); ++i) heap.push_back({readers[i].value(), i});
    std::sort(heap.begin(), heap.end());  // which makes it a heap
    std::vector<std::uint32_t> positions;
    while (!heap.empty()) {
      const Value value = heap.front().value;
      std::uint64_t count = 0;
      positions.clear();
      while (!heap.empty() && heap.front().value == value) {
        Reader<Value>& reader = readers[heap.front().reader];
        reader.take([&](const Input& input, PostingDecoder<Value>& groups) {
          count += groups.count();
          if (apart_) {
            PostingGroup group = groups.group(input.run->rows());
            group.first += input.base;
            group.last += input.base;
            return lists.add(value, group);
          }
          groups.positions(input.run->rows(), [&](std::uint32_t position) {
            positions.push_back(input.moved[position]);
          });
        });
        if (reader.done()) {
          heap.front() = heap.back();
          heap.pop_back();
        } else {
          heap.front().value = reader.value();
        }
        if (!heap.empty()) sift_down(heap);
      }
      if (!std::is_sorted(positions.begin(), positions.end())) {
        std::sort(positions.begin(), positions.end());
      }
      for (std::uint32_t position : positions) lists.add(value, position);
      lists.add_count(value, count);
      if (lists.ready() >= kMaxReady) lists.write(*insert, field);
    }
    lists.finish(*insert, field);
  }

  // Lists are written now and then, so that those of millions of rows need little memory.
  static constexpr std::size_t kMaxReady = std::size_t{1} << 20U;

  RunWriter& writer_;
  std::span<const Run> runs_;
  std::vector<Input> inputs_;
  bool apart_ = true;  // in time
  Run merged_;
  PositionList times_{true};
  PositionList order_{false};
};

Run RunWriter::merged(std::span<const Run> runs) { return Merge(*this, runs).run(); }

}  // namespace blockwatch
