#pragma once
// IPv4 and IPv6 addresses and ranges of them. Plain values, any thread. No operating system calls,
// so that the same text means the same address everywhere.

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "storage/result.h"

namespace blockwatch {

// 16 bytes in network order; IPv4 as ::ffff:a.b.c.d (RFC 4291, 2.5.5.2), so that order and ranges
// are one rule. An IPv4-mapped text and the dotted text are therefore the same address.
struct IpAddress {
  std::array<std::uint8_t, 16> bytes{};

  static IpAddress v4(std::uint32_t host_order) noexcept;
  bool is_v4() const noexcept;
  std::uint32_t v4_value() const noexcept;  // host order; requires is_v4()

  bool is_unspecified() const noexcept;  // 0.0.0.0 or ::
  bool is_loopback() const noexcept;     // 127.0.0.0/8 or ::1
  // Multicast (224.0.0.0/4, ff00::/8) or the limited broadcast 255.255.255.255. A directed
  // broadcast cannot be told without the mask.
  bool is_group() const noexcept;

  friend auto operator<=>(const IpAddress&, const IpAddress&) = default;
};

// Dotted IPv4, or IPv6 text of RFC 4291 2.2 (compressed, mapped, upper or lower case). A scope id
// ("%eth0", "%12") is accepted and dropped: a stored address is compared across machines.
std::optional<IpAddress> parse_ip_address(std::string_view text) noexcept;

// Dotted for IPv4, RFC 5952 for IPv6. At most 39 characters.
std::string format_ip_address(const IpAddress& address);
char* format_ip_address(const IpAddress& address, char* out) noexcept;  // returns the end

// Both ends inclusive, low <= high, both of one family.
struct IpRange {
  IpAddress low;
  IpAddress high;
  bool contains(const IpAddress& a) const noexcept { return low <= a && a <= high; }
  friend auto operator<=>(const IpRange&, const IpRange&) = default;
};

// "10.0.0.1", "10.0.0.0/8" (host bits are ignored), "10.0.0.1-10.0.0.9", and the same for IPv6.
Result<IpRange> parse_ip_range(std::string_view text);

}  // namespace blockwatch
