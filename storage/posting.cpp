#include <SQLiteCpp/Exception.h>
#include <sqlite3.h>

#include "storage/posting_internal.h"

namespace blockwatch {
namespace {

// More room than the head of a group takes: value, count and first position.
constexpr std::size_t kGroupHead = 16 + 5 + 5;
constexpr std::size_t kMaxGap = 5;

}  // namespace

void throw_damaged_index() {
  throw SQLite::Exception("the index of a run is damaged", SQLITE_CORRUPT);
}

template <class Value>
std::size_t PostingEncoder<Value>::room() const {
  return kBlockBytes - kGroupHead - block_.size() - gaps_.size();
}

template <class Value>
void PostingEncoder<Value>::make_room(const Value& value, std::uint32_t position) {
  close_group();
  if (block_.size() + kGroupHead > kBlockBytes) close_block();
  if (block_.size() != 0) return;
  block_value_ = last_value_ = value;
  block_position_ = last_position_ = position;
}

template <class Value>
void PostingEncoder<Value>::put_value(const Value& value) {
  if constexpr (std::is_same_v<Value, IpAddress>) {
    block_.put({reinterpret_cast<const char*>(value.bytes.data()), value.bytes.size()});
  } else {
    block_.put(static_cast<std::uint64_t>(value) - static_cast<std::uint64_t>(last_value_));
  }
  last_value_ = value;
}

template <class Value>
void PostingEncoder<Value>::open_group(const Value& value, std::uint32_t position) {
  make_room(value, position);
  value_ = value;
  group_ = {position, position, 1, {}};
}

template <class Value>
void PostingEncoder<Value>::close_group() {
  if (group_.count == 0) return;
  put_value(value_);
  block_.put(group_.count);
  block_.put(zigzag(std::int64_t{group_.first} - std::int64_t{last_position_}));
  block_.put(gaps_.view());
  last_position_ = group_.first;
  group_.count = 0;
  gaps_.clear();
}

template <class Value>
void PostingEncoder<Value>::close_block() {
  close_group();
  if (block_.size() == 0) return;
  ready_.push_back({block_value_, block_position_, bytes_.size(), block_.size()});
  bytes_ += block_.view();
  block_.clear();
}

template <class Value>
void PostingEncoder<Value>::add(const Value& value, std::uint32_t position) {
  if (group_.count == 0 || value_ != value || room() < kMaxGap) {
    return open_group(value, position);
  }
  gaps_.put(position - group_.last);
  group_.last = position;
  ++group_.count;
}

template <class Value>
void PostingEncoder<Value>::add(const Value& value, PostingGroup group) {
  add(value, group.first);
  --group.count;
  while (group.gaps.size() > room()) {
    // What fits stays in this block, and the next position is the first of another.
    std::string_view rest = group.gaps;
    std::size_t fits = 0;
    std::uint64_t gap = 0;
    for (const std::size_t end = room(); take_varint(rest, gap);
         group_.last += static_cast<std::uint32_t>(gap)) {
      --group.count;
      if (group.gaps.size() - rest.size() > end) break;
      fits = group.gaps.size() - rest.size();
      ++group_.count;
    }
    gaps_.put(group.gaps.substr(0, fits));
    group.gaps = rest;
    std::uint32_t next = group_.last + static_cast<std::uint32_t>(gap);
    close_block();
    open_group(value, next);
  }
  gaps_.put(group.gaps);
  group_.last = group.last;
  group_.count += group.count;
}

template <class Value>
void PostingEncoder<Value>::add_count(const Value& value, std::uint64_t count) {
  make_room(value, 0);
  put_value(value);
  block_.put(count);
}

template class PostingEncoder<std::int64_t>;
template class PostingEncoder<IpAddress>;

}  // namespace blockwatch
