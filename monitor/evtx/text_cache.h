#pragma once
// Text of a log as UTF-8 in an arena, each repeated text (application, filter origin) once.

#include <array>
#include <cstdint>
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
    // Short strings are converted as quickly as found.
    constexpr std::uint32_t kMinCachedString = 32;
    if (!value.is(ValueType::kString) || value.size >= kMinCachedString) return found(value, out);
    char* const begin = out;
    out = ascii_utf16_to_utf8(value.bytes, without_terminator(value.bytes, value.size / 2), out);
    return {begin, static_cast<std::size_t>(out - begin)};
  }

  // Before the arena or the bytes change.
  void forget() { ++generation_; }

 private:
  static constexpr std::size_t kSlots = 1024;
  struct Slot {
    const std::uint8_t* bytes = nullptr;
    std::uint32_t size = 0;
    std::uint8_t type = 0;
    std::uint64_t generation = 0;
    std::string_view text;
  };

  std::string_view found(Value value, char*& out);

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
