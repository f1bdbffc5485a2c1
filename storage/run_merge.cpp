#include <algorithm>
#include <optional>
#include <utility>

#include "storage/run_lists_internal.h"
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
    write_list(writer_.connection_, merged_.id, number_of(field), lists.positions);
    write_list(writer_.connection_, merged_.id, number_of(field) + kCountsOf, lists.counts);
  }

  RunWriter& writer_;
  std::span<const Run> runs_;
  std::vector<Input> inputs_;
  bool interleaved_ = false;
  Run merged_;
  PositionList times_{true};
  PositionList order_{false};
};

Run RunWriter::merged(std::span<const Run> runs) { return Merge(*this, runs).run(); }

}  // namespace blockwatch
