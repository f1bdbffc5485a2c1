#pragma once
// Numbers and their texts, as a flood of records needs them: without a branch for each digit.

#include <bit>
#include <charconv>
#include <cstdint>
#include <cstring>

#include "monitor/evtx/utf16.h"
#include "monitor/evtx/value.h"

namespace blockwatch::evtx {

// Requires n < 100,000,000, and room for 8 characters. Without a branch for each digit: the
// processor cannot guess how many there are.
inline char* put_short_number(std::uint32_t n, char* out) {
  // Four digits in each half, then two in each quarter, then one in each byte, the first one
  // lowest.
  std::uint64_t digits = n / 10'000 | std::uint64_t{n % 10'000} << 32;
  const std::uint64_t hundreds = (digits * 10'486 >> 20) & 0x7F'0000'007F;
  digits = hundreds | (digits - 100 * hundreds) << 16;
  const std::uint64_t tens = (digits * 103 >> 10) & 0x000F'000F'000F'000F;
  digits = tens | (digits - 10 * tens) << 8;
  const auto zeros = static_cast<unsigned>(std::countr_zero(digits | std::uint64_t{1} << 56)) / 8;
  const std::uint64_t text = (digits | 0x3030'3030'3030'3030) >> (8 * zeros);
  std::memcpy(out, &text, sizeof text);
  return out + 8 - zeros;
}

// Requires room for 22 characters.
inline char* put_number(std::uint64_t n, bool hexadecimal, char* out) {
  constexpr int kMaxDigits = 20;
  if (hexadecimal) {
    *out++ = '0';
    *out++ = 'x';
    return std::to_chars(out, out + kMaxDigits, n, 16).ptr;
  }
  return std::endian::native == std::endian::little && n < 100'000'000
             ? put_short_number(static_cast<std::uint32_t>(n), out)
             : std::to_chars(out, out + kMaxDigits, n).ptr;
}

// The number that a text of one to eight digits holds; false: it is another text. Requires what
// every value of a chunk has: 16 bytes before its end.
inline bool read_digits(Value value, std::uint64_t& number) {
  if (value.size - 2 > 14) return false;
  const unsigned others = 64 - 8 * (value.size / 2);  // bits
  const std::uint64_t text = narrow_eight(value.bytes + (value.size & ~1U) - 16) >> others;
  std::uint64_t digits = (text ^ 0x3030'3030'3030'3030) << others;
  if (((digits | (digits + 0x7676'7676'7676'7676)) & 0x8080'8080'8080'8080) != 0) return false;
  digits = (digits * 10 + (digits >> 8)) & 0x00FF'00FF'00FF'00FF;
  digits = (digits * 100 + (digits >> 16)) & 0x0000'FFFF'0000'FFFF;
  number = (digits * 10'000 + (digits >> 32)) & 0xFFFF'FFFF;
  return true;
}

}  // namespace blockwatch::evtx
