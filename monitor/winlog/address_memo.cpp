#include "monitor/winlog/address_memo.h"

#include <cstring>

namespace blockwatch::winlog {

namespace {

std::uint64_t load(const char* text) noexcept {
  std::uint64_t characters = 0;
  std::memcpy(&characters, text, sizeof characters);
  return characters;
}

}  // namespace

const std::optional<IpAddress>& AddressMemo::read(std::string_view text) {
  // What is longer is not all in its first and last eight characters.
  if (text.size() < 8 || text.size() > 16) return other_ = parse_ip_address(text);
  const std::uint64_t first = load(text.data());
  const std::uint64_t last = load(text.data() + text.size() - sizeof first);
  Slot& slot = slots_[(first + last * 31) * 0x9E3779B97F4A7C15 >> (64 - kSlotBits)];
  if (slot.size != text.size() || slot.first != first || slot.last != last)
    slot = {first, last, text.size(), parse_ip_address(text)};
  return slot.address;
}

}  // namespace blockwatch::winlog
