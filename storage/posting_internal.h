#pragma once
// Lists of (value, position) in order, cut into blocks of less than a quarter of a page: how a run
// says which of its rows hold a value. A value is a number (int64_t) or an IpAddress.
//
// A block belongs to its first (value, position), which is its key in the table. Its bytes are
// groups: how much the value rises (an address: its 16 bytes), the number of positions, how far the
// first position lies from that of the group before (zigzag), and the gaps to each next one.

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "storage/ip_address.h"
#include "storage/varint.h"

namespace blockwatch {

// Rows of a WITHOUT ROWID table above 1002 bytes would need a second page each.
inline constexpr std::size_t kBlockBytes = 940;

// Bytes of a block that is being made. Whoever puts them looks after the room.
class BlockBytes {
 public:
  std::size_t size() const { return size_; }
  std::string_view view() const { return {bytes_.data(), size_}; }
  void clear() { size_ = 0; }
  void put(std::uint64_t number) {
    size_ = static_cast<std::size_t>(put_varint(bytes_.data() + size_, number) - bytes_.data());
  }
  void put(std::string_view bytes) {
    bytes.copy(bytes_.data() + size_, bytes.size());
    size_ += bytes.size();
  }

 private:
  std::array<char, kBlockBytes> bytes_{};
  std::size_t size_ = 0;
};

template <class Value>
struct PostingBlock {
  Value value{};  // of the first group
  std::uint32_t position = 0;
  std::string_view data;
};

// The positions of a group, as its bytes have them.
struct PostingGroup {
  std::uint32_t first = 0;
  std::uint32_t last = 0;
  std::uint64_t count = 0;
  std::string_view gaps;  // from each position to the next
};

// Makes the blocks of one list in memory. Groups are to be added in order.
template <class Value>
class PostingEncoder {
 public:
  // A value may be added again with higher positions only.
  void add(const Value& value, std::uint32_t position);
  void add(const Value& value, PostingGroup group);
  // As one group without positions: the value occurs `count` times.
  void add_count(const Value& value, std::uint64_t count);

  // Bytes of the blocks that are ready.
  std::size_t ready() const { return bytes_.size(); }
  // Gives the blocks that are ready, and forgets them.
  template <class Visit>
  void take(const Visit& visit) {
    for (const Ready& block : ready_) {
      visit(PostingBlock<Value>{block.value, block.position,
                                std::string_view(bytes_).substr(block.from, block.size)});
    }
    ready_.clear();
    bytes_.clear();
  }
  // Gives what is left, and starts again.
  template <class Visit>
  void finish(const Visit& visit) {
    close_block();
    take(visit);
  }

 private:
  struct Ready {
    Value value;
    std::uint32_t position;
    std::size_t from;
    std::size_t size;
  };
  // Makes sure that the open block has room for the head of a group.
  void make_room(const Value& value, std::uint32_t position);
  void put_value(const Value& value);
  void open_group(const Value& value, std::uint32_t position);
  void close_group();
  void close_block();
  std::size_t room() const;  // for more gaps of the open group

  std::string bytes_;  // of the blocks in ready_
  std::vector<Ready> ready_;
  BlockBytes block_;  // the open one
  Value block_value_{};
  std::uint32_t block_position_ = 0;
  // The group before the open one, in the same block.
  Value last_value_{};
  std::uint32_t last_position_ = 0;
  Value value_{};       // of the open group
  PostingGroup group_;  // the open one; count 0: none
  BlockBytes gaps_;     // of it
};

extern template class PostingEncoder<std::int64_t>;
extern template class PostingEncoder<IpAddress>;

[[noreturn]] void throw_damaged_index();

// Reads a block's groups one after the other. Damage throws SQLite::Exception.
template <class Value>
class PostingDecoder {
 public:
  explicit PostingDecoder(const PostingBlock<Value>& block)
      : next_(reinterpret_cast<const std::uint8_t*>(block.data.data())),
        end_(next_ + block.data.size()),
        value_(block.value),
        position_(block.position) {}

  // False at the end. The group before must have been read.
  bool next() {
    if (!next_count()) return false;
    std::uint64_t first = position_ + static_cast<std::uint64_t>(unzigzag(number()));
    if (first > UINT32_MAX) throw_damaged_index();
    position_ = static_cast<std::uint32_t>(first);
    return true;
  }
  bool next_count() {
    if (next_ == end_) return false;
    take_value();
    count_ = number();
    if (count_ == 0) throw_damaged_index();
    return true;
  }
  const Value& value() const { return value_; }
  std::uint64_t count() const { return count_; }

  // Gives every position of the group, all below `rows`. The inner loop of every question.
  template <class Visit>
  void positions(std::uint32_t rows, const Visit& visit) {
    std::uint64_t position = position_;
    if (position >= rows) throw_damaged_index();
    visit(static_cast<std::uint32_t>(position));
    std::uint64_t left = count_ - 1;
    std::uint64_t bytes = 0;
    Two two;
    while (left >= 2 && look_at_eight(bytes)) {
      if (left >= 8 && (bytes & kMoreFollows) == 0) {  // a gap each, as frequent values have them
        for (int i = 0; i < 8; ++i, bytes >>= 8U) {
          position = step(position, bytes & 0xffU, rows, visit);
        }
        next_ += 8;
        left -= 8;
      } else if (take_two(bytes, two)) {
        position = step(position, two.first, rows, visit);
        position = step(position, two.second, rows, visit);
        left -= 2;
      } else {
        position = step(position, number(), rows, visit);
        --left;
      }
    }
    for (; left != 0; --left) position = step(position, number(), rows, visit);
  }

  // The positions of the group, all below `rows`, without taking them apart.
  PostingGroup group(std::uint32_t rows) {
    PostingGroup group{position_, 0, count_, {}};
    const std::uint8_t* gaps = next_;
    positions(rows, [&](std::uint32_t position) { group.last = position; });
    group.gaps = {reinterpret_cast<const char*>(gaps), static_cast<std::size_t>(next_ - gaps)};
    return group;
  }

  std::uint64_t number() {
    if (next_ != end_ && *next_ < 0x80) return *next_++;
    return long_number();
  }

 private:
  static constexpr std::uint64_t kMoreFollows = 0x8080808080808080U;  // in each byte but the last

  template <class Visit>
  static std::uint64_t step(std::uint64_t position, std::uint64_t gap, std::uint32_t rows,
                            const Visit& visit) {
    position += gap;
    if (position >= rows) throw_damaged_index();
    visit(static_cast<std::uint32_t>(position));
    return position;
  }
  // The next eight bytes, the first one lowest; false when there are not so many.
  bool look_at_eight(std::uint64_t& bytes) const {
    if (std::endian::native != std::endian::little || end_ - next_ < 8) return false;
    std::memcpy(&bytes, next_, sizeof bytes);
    return true;
  }
  struct Two {
    std::uint64_t first = 0;
    std::uint64_t second = 0;
  };
  // The next two numbers when they have four bytes at most, as gaps do. How long each is changes
  // without a pattern, so no branch asks for it.
  bool take_two(std::uint64_t bytes, Two& two) {
    std::uint64_t ends = ~bytes & kMoreFollows;
    std::uint64_t later_ends = ends & (ends - 1);
    if (later_ends == 0) return false;
    unsigned first_bits = static_cast<unsigned>(std::countr_zero(ends)) + 1;
    unsigned bits = static_cast<unsigned>(std::countr_zero(later_ends)) + 1;
    if (first_bits > 32 || bits - first_bits > 32) return false;
    // Seven bits of each byte, of both numbers at once.
    std::uint64_t first = bytes & (ends ^ (ends - 1));
    std::uint64_t second = (bytes & (later_ends ^ (later_ends - 1))) >> first_bits;
    std::uint64_t both = first | second << 32U;
    both = (both & 0x007f007f007f007fU) | (both >> 1U & 0x3f803f803f803f80U);
    both = (both & 0x00003fff00003fffU) | (both >> 2U & 0x0fffc0000fffc000U);
    two = {both & 0xffffffffU, both >> 32U};
    next_ += bits / 8;
    return true;
  }
  std::uint64_t long_number() {
    std::string_view rest(reinterpret_cast<const char*>(next_),
                          static_cast<std::size_t>(end_ - next_));
    std::uint64_t value = 0;
    if (!take_varint(rest, value)) throw_damaged_index();
    next_ = end_ - rest.size();
    return value;
  }
  void take_value() {
    if constexpr (std::is_same_v<Value, IpAddress>) {
      if (end_ - next_ < 16) throw_damaged_index();
      std::memcpy(value_.bytes.data(), next_, 16);
      next_ += 16;
    } else {
      value_ = static_cast<Value>(static_cast<std::uint64_t>(value_) + number());
    }
  }

  const std::uint8_t* next_;
  const std::uint8_t* end_;
  Value value_;
  std::uint32_t position_;
  std::uint64_t count_ = 0;
};

}  // namespace blockwatch
