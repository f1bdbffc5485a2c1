#pragma once
// UTF-16LE text of a log to UTF-8.

#include <cstddef>
#include <cstdint>

#include "monitor/evtx/bytes.h"

namespace blockwatch::evtx {

// A UTF-16 unit becomes at most this many bytes; a surrogate pair becomes four.
inline constexpr std::size_t kMaxUtf8PerUnit = 3;

// Writes `units` code units from `text` (little-endian, any alignment) as valid UTF-8 to `out`,
// which must have room for kMaxUtf8PerUnit each; returns the end. Unpaired surrogates and NUL,
// which no XML can carry, become U+FFFD.
char* utf16_to_utf8(const std::uint8_t* text, std::size_t units, char* out) noexcept;

// Units before a terminating NUL, if any: Windows counts the terminator in some values.
inline std::size_t without_terminator(const std::uint8_t* text, std::size_t units) noexcept {
  while (units > 0 && load_u16(text + 2 * (units - 1)) == 0) --units;
  return units;
}

// Four units at `text` to four characters at `out` if all are ASCII other than NUL, as nearly
// always; else false.
inline bool put_four_ascii(const std::uint8_t* text, char* out) noexcept {
  constexpr std::uint64_t kOnes = 0x0001'0001'0001'0001;
  const std::uint64_t units = load_u64(text);
  const std::uint64_t beyond_ascii = units & (kOnes * 0xFF80);
  const std::uint64_t some_nul = (units - kOnes) & (kOnes * 0x8000);
  if ((beyond_ascii | some_nul) != 0) return false;
  const std::uint64_t pairs =
      units | units >> 8;  // two characters in the lower half of each 32 bits
  store_u32(static_cast<std::uint32_t>((pairs & 0xFFFF) | (pairs >> 16 & 0xFFFF'0000)), out);
  return true;
}

// As utf16_to_utf8, for short texts.
inline char* short_utf16_to_utf8(const std::uint8_t* text, std::size_t units, char* out) noexcept {
  if (units < 4) return utf16_to_utf8(text, units, out);
  std::size_t done = 0;
  do {
    if (!put_four_ascii(text + 2 * done, out + done)) return utf16_to_utf8(text, units, out);
    done += 4;
  } while (done + 4 <= units);
  // The last four may overlap with those before.
  if (!put_four_ascii(text + 2 * (units - 4), out + units - 4))
    return utf16_to_utf8(text, units, out);
  return out + units;
}

// Writes one code point, which must not be a surrogate; at most 4 bytes.
char* put_utf8(std::uint32_t code_point, char* out) noexcept;

}  // namespace blockwatch::evtx
