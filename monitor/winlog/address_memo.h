#pragma once
// Addresses by their text: a log names few, over and over.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "storage/ip_address.h"

namespace blockwatch::winlog {

// parse_ip_address with a memory of what it found. One thread.
class AddressMemo {
 public:
  // Good until the next call.
  const std::optional<IpAddress>& read(std::string_view text);

 private:
  static constexpr unsigned kSlotBits = 9;
  struct Slot {
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    std::size_t size = 0;
    std::optional<IpAddress> address;
  };

  std::array<Slot, std::size_t{1} << kSlotBits> slots_{};
  std::optional<IpAddress> other_;
};

}  // namespace blockwatch::winlog
