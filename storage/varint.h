#pragma once
// Numbers of seven bits a byte, least significant first, as the store's blobs hold them.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace blockwatch {

inline constexpr std::size_t kMaxVarint = 10;

// `out` has room for kMaxVarint bytes, or for what is known of the number; returns the end.
inline char* put_varint(char* out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) *out++ = static_cast<char>(value | 0x80);
  *out++ = static_cast<char>(value);
  return out;
}

inline void put_varint(std::string& out, std::uint64_t value) {
  std::array<char, kMaxVarint> bytes;
  out.append(bytes.data(), put_varint(bytes.data(), value));
}

// Reads from the front; false when the bytes end too early or the number has more than 64 bits.
inline bool take_varint(std::string_view& in, std::uint64_t& value) {
  value = 0;
  unsigned shift = 0;
  for (std::size_t i = 0; i < in.size() && shift < 64; ++i, shift += 7) {
    auto byte = static_cast<std::uint8_t>(in[i]);
    value |= std::uint64_t{byte & 0x7fU} << shift;
    if (byte < 0x80) {
      in.remove_prefix(i + 1);
      return true;
    }
  }
  return false;
}

// Small numbers of either sign as small unsigned ones.
constexpr std::uint64_t zigzag(std::int64_t value) {
  return static_cast<std::uint64_t>(value) << 1U ^ static_cast<std::uint64_t>(value >> 63U);
}
constexpr std::int64_t unzigzag(std::uint64_t value) {
  return static_cast<std::int64_t>(value >> 1U ^ (~(value & 1U) + 1));
}

}  // namespace blockwatch
