#pragma once
// How the lists of a run are made and written.

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "storage/index_row_internal.h"
#include "storage/posting_internal.h"
#include "storage/run_index_internal.h"
#include "storage/sqlite_internal.h"

namespace blockwatch {

inline int number_of(IndexField field) { return static_cast<int>(field); }

// One list by position, as RunIndex::values_of reads it.
class PositionList {
 public:
  explicit PositionList(bool rising) : rising_(rising) {}

  void add(std::int64_t value) {
    if (count_ != 0 && values_.size() + 2 * kMaxVarint > kBlockBytes) close();
    if (count_ == 0) last_ = first_ = rising_ ? value : 0;
    auto step = static_cast<std::uint64_t>(value) - static_cast<std::uint64_t>(last_);
    values_.put(rising_ ? step : zigzag(static_cast<std::int64_t>(step)));
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
    bytes_ += values_.view();
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
  BlockBytes values_;           // of it
  std::string bytes_;
  std::vector<Block> blocks_;
};

inline constexpr const char* kInsertPosting =
    "INSERT INTO posting(run, field, value, position, data) VALUES(?, ?, ?, ?, ?)";

template <class Value>
void put(SqlStatement& insert, int list, const PostingBlock<Value>& block) {
  insert.bind(2, list);
  bind_value(insert, 3, block.value);
  insert.bind(4, block.position);
  insert.bind_blob(5, block.data);
  insert.run();
}

// The lists of one field: the positions of each value, and how many they are.
template <class Value>
class FieldLists {
 public:
  // All positions of a value, then how many they were.
  void add(const Value& value, std::uint32_t position) { positions_.add(value, position); }
  void add(const Value& value, const PostingGroup& group) { positions_.add(value, group); }
  void add_count(const Value& value, std::uint64_t count) { counts_.add_count(value, count); }

  // Bytes of the blocks that write() would write.
  std::size_t ready() const { return positions_.ready() + counts_.ready(); }
  void write(SqlStatement& insert, IndexField field) {
    positions_.take([&](const auto& block) { put(insert, number_of(field), block); });
    counts_.take([&](const auto& block) { put(insert, number_of(field) + kCountsOf, block); });
  }
  void finish(SqlStatement& insert, IndexField field) {
    positions_.finish([&](const auto& block) { put(insert, number_of(field), block); });
    counts_.finish([&](const auto& block) { put(insert, number_of(field) + kCountsOf, block); });
  }

 private:
  PostingEncoder<Value> positions_;
  PostingEncoder<Value> counts_;
};

// A run of new rows and its lists, made without SQLite: another thread may make them.
class RunLists {
 public:
  // Rows in order of seq and without holes; at least one.
  explicit RunLists(std::span<const IndexRow> rows);

  const Run& run() const { return run_; }  // without an id
  // `insert` is kInsertPosting, for the run.
  void write(SqlStatement& insert);

 private:
  void add(std::span<const IndexRow> by_time);

  Run run_;
  PositionList times_{true};
  PositionList order_{false};
  std::array<FieldLists<std::int64_t>, kNumberFields.size()> numbers_;
  std::array<FieldLists<IpAddress>, kAddressFields.size()> addresses_;
};

}  // namespace blockwatch
