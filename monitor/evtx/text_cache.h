#pragma once
// Text of a log as UTF-8 in an arena, each repeated text (host, channel, names, application) once.

#include <array>
#include <cstdint>
#include <string_view>

#include "monitor/evtx/value.h"
#include "storage/text_arena.h"

namespace blockwatch::evtx {

// Remembers where the UTF-16 bytes of texts stood, so these bytes must stay in place until
// forget().
class TextCache {
 public:
  // The text in `arena`, which must be the same until forget().
  std::string_view utf8(const std::uint8_t* units, std::uint32_t bytes, TextArena& arena);

  // Any value as text; strings that are long enough to be worth it through the cache.
  std::string_view text(const Value& value, TextArena& arena) {
    if (value.is(ValueType::kString) && value.size >= kMinCachedBytes)
      return utf8(value.bytes, value.size, arena);
    return rendered(value, arena);
  }

  // Before the arena or the bytes change.
  void forget() { ++generation_; }

 private:
  static constexpr std::size_t kSlots = 1024;
  static constexpr std::uint32_t kMinCachedBytes = 32;
  struct Slot {
    const std::uint8_t* units = nullptr;
    std::uint32_t bytes = 0;
    std::uint64_t generation = 0;
    std::string_view text;
  };

  static std::string_view rendered(const Value& value, TextArena& arena);

  std::array<Slot, kSlots> slots_{};
  std::uint64_t generation_ = 1;
};

}  // namespace blockwatch::evtx
