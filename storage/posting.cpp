#include <SQLiteCpp/Exception.h>
#include <sqlite3.h>

#include "storage/posting_internal.h"

namespace blockwatch {
namespace {

// More room than the head of a group takes: value, count and first position.
constexpr std::size_t kGroupHead = 16 + 5 + 5;

}  // namespace

void throw_damaged_index() {
  throw SQLite::Exception("the index of a run is damaged", SQLITE_CORRUPT);
}

template <class Value>
void PostingEncoder<Value>::put_value(const Value& value) {
  if constexpr (std::is_same_v<Value, IpAddress>) {
    bytes_.append(reinterpret_cast<const char*>(value.bytes.data()), value.bytes.size());
  } else {
    put_varint(bytes_, static_cast<std::uint64_t>(value) - static_cast<std::uint64_t>(last_value_));
  }
  last_value_ = value;
}

template <class Value>
void PostingEncoder<Value>::open(const Value& value, std::uint32_t position) {
  if (open_ && bytes_.size() - blocks_.back().from + kGroupHead > kBlockBytes) close();
  if (open_) return;
  blocks_.push_back({value, position, bytes_.size(), 0});
  last_value_ = value;
  last_position_ = position;
  open_ = true;
}

template <class Value>
void PostingEncoder<Value>::close() {
  if (open_) blocks_.back().size = bytes_.size() - blocks_.back().from;
  open_ = false;
}

template <class Value>
void PostingEncoder<Value>::add(const Value& value, std::span<const std::uint32_t> positions) {
  for (std::size_t from = 0; from < positions.size();) {
    open(value, positions[from]);
    std::size_t room = kBlockBytes - (bytes_.size() - blocks_.back().from);
    gaps_.clear();
    std::size_t to = from + 1;
    for (; to < positions.size() && gaps_.size() + kGroupHead < room; ++to) {
      put_varint(gaps_, positions[to] - positions[to - 1]);
    }
    put_value(value);
    put_varint(bytes_, to - from);
    put_varint(bytes_, zigzag(std::int64_t{positions[from]} - std::int64_t{last_position_}));
    bytes_ += gaps_;
    last_position_ = positions[from];
    if (to < positions.size()) close();
    from = to;
  }
}

template <class Value>
void PostingEncoder<Value>::add_count(const Value& value, std::uint64_t count) {
  open(value, 0);
  put_value(value);
  put_varint(bytes_, count);
}

template class PostingEncoder<std::int64_t>;
template class PostingEncoder<IpAddress>;

}  // namespace blockwatch
