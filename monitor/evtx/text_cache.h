#pragma once
// Text of a log as UTF-8 in an arena, each repeated text (application, filter origin) once.

#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "monitor/evtx/utf16.h"
#include "monitor/evtx/value.h"
#include "storage/text_arena.h"

namespace blockwatch::evtx {

// Remembers where the bytes of strings stood, so these must stay in place until forget().
class TextCache {
 public:
  // The value as text, which is written to `out` (and `out` moved behind it) unless it stands in
  // the arena already. Requires room for max_text_size(value), and no array.
  std::string_view text(Value value, char*& out) {
    if (value.size >= kMinCachedBytes) return cached(value, out);
    return put(value, out);
  }

  // Before the arena or the bytes change.
  void forget() { ++generation_; }

 private:
  static constexpr std::size_t kSlots = 1024;
  static constexpr std::uint32_t kMinCachedBytes = 12;  // of a SID with one authority
  struct Slot {
    const std::uint8_t* bytes = nullptr;
    std::uint32_t size = 0;
    std::uint8_t type = 0;
    std::uint64_t generation = 0;
    std::string_view text;
  };

  static std::string_view put(Value value, char*& out) {
    const char* const begin = out;
    out = render(value, out);
    return {begin, static_cast<std::size_t>(out - begin)};
  }

  // A few samples of the bytes tell texts apart well enough: a wrong guess only costs a conversion.
  static std::size_t hash(const std::uint8_t* p, std::uint32_t n) {
    std::uint64_t factor = 0x9E3779B97F4A7C15;
    std::uint64_t sum = (load_u64(p + n - 8) ^ n) * factor;
    for (std::uint32_t at = 0; at + 8 <= n; at += 32) {
      factor += 0xFF51AFD7ED558CCE;
      sum += load_u64(p + at) * factor;
    }
    return static_cast<std::size_t>(sum >> 40);
  }

  std::string_view cached(Value value, char*& out) {
    Slot& slot = slots_[hash(value.bytes, value.size) % kSlots];
    if (slot.generation != generation_ || slot.size != value.size || slot.type != value.type ||
        std::memcmp(slot.bytes, value.bytes, value.size) != 0)
      slot = {value.bytes, value.size, value.type, generation_, put(value, out)};
    return slot.text;
  }

  std::array<Slot, kSlots> slots_{};
  std::uint64_t generation_ = 1;
};

// A text that is the same in nearly every record of a log, in an arena.
class RecentText {
 public:
  std::string_view text(Value value, TextArena& arena) {
    if (!same(value, value_)) {
      value_ = value;
      text_ = copy_of(value, arena);
    }
    return text_;
  }

  // Before the arena or the value's bytes change.
  void forget() { *this = {}; }

 private:
  static std::string_view copy_of(Value value, TextArena& arena) {
    const std::size_t room = max_text_size(value);
    if (room == 0) return {};
    char* const begin = arena.allocate(room, 1);
    const auto size = static_cast<std::size_t>(render(value, begin) - begin);
    arena.shrink(room - size);
    return {begin, size};
  }

  Value value_;
  std::string_view text_;
};

}  // namespace blockwatch::evtx
