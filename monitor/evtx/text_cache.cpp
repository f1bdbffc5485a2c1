#include "monitor/evtx/text_cache.h"

#include <cstring>

#include "monitor/evtx/bytes.h"
#include "monitor/evtx/utf16.h"

namespace blockwatch::evtx {

namespace {

// A few samples of the bytes tell texts apart well enough: a wrong guess only costs a conversion.
std::size_t hash(const std::uint8_t* p, std::uint32_t n) {
  std::uint64_t h = n * 0x9E3779B97F4A7C15ULL;
  if (n >= 8) {
    h ^= load_u64(p + n - 8);
    h *= 0xFF51AFD7ED558CCDULL;
    for (std::uint32_t at = 0; at + 8 <= n; at += 32) {
      h = (h ^ load_u64(p + at)) * 0xFF51AFD7ED558CCDULL;
    }
  } else {
    for (std::uint32_t i = 0; i < n; ++i) h = (h ^ p[i]) * 0x100000001B3ULL;
  }
  return static_cast<std::size_t>(h >> 40);
}

}  // namespace

std::string_view TextCache::utf8(const std::uint8_t* units, std::uint32_t bytes, TextArena& arena) {
  Slot& slot = slots_[hash(units, bytes) % kSlots];
  if (slot.generation == generation_ && slot.bytes == bytes &&
      std::memcmp(slot.units, units, bytes) == 0)
    return slot.text;
  slot = {units, bytes, generation_,
          rendered({static_cast<std::uint8_t>(ValueType::kString), units, bytes}, arena)};
  return slot.text;
}

std::string_view TextCache::rendered(const Value& value, TextArena& arena) {
  const std::size_t room = max_text_size(value);
  if (room == 0) return {};
  char* const begin = arena.allocate(room, 1);
  const auto size = static_cast<std::size_t>(render(value, begin) - begin);
  arena.shrink(room - size);
  return {begin, size};
}

}  // namespace blockwatch::evtx
