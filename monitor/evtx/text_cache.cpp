#include "monitor/evtx/text_cache.h"

#include <cstring>

namespace blockwatch::evtx {

namespace {

constexpr std::uint32_t kMinCachedBytes = 12;  // of a SID with one authority

// A few samples of the bytes tell texts apart well enough: a wrong guess only costs a conversion.
// Paths differ near their end, before ".exe". Requires kMinCachedBytes.
std::size_t hash(const std::uint8_t* p, std::uint32_t n) {
  constexpr std::uint64_t kFactor = 0x9E3779B97F4A7C15;
  constexpr std::uint32_t kEnd = 32;
  std::uint64_t sum = load_u64(p) * kFactor + load_u64(p + n - 8) + n;
  if (n >= kEnd) {
    sum = sum * kFactor + load_u64(p + n - 16);
    sum = sum * kFactor + load_u64(p + n - 24);
    sum = sum * kFactor + load_u64(p + n - kEnd) + load_u64(p + n / 2);
  }
  return static_cast<std::size_t>(sum * kFactor >> 40);
}

std::string_view put(Value value, char*& out) {
  const char* const begin = out;
  out = render(value, out);
  return {begin, static_cast<std::size_t>(out - begin)};
}

}  // namespace

std::string_view TextCache::found(Value value, char*& out) {
  if (value.size < kMinCachedBytes) return put(value, out);
  Slot& slot = slots_[hash(value.bytes, value.size) % kSlots];
  if (slot.generation != generation_ || slot.size != value.size || slot.type != value.type ||
      std::memcmp(slot.bytes, value.bytes, value.size) != 0)
    slot = {value.bytes, value.size, value.type, generation_, put(value, out)};
  slot.bytes = value.bytes;  // the newest are the ones in the processor's cache
  return slot.text;
}

}  // namespace blockwatch::evtx
