#pragma once
// UTF-16LE text of a log to UTF-8.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "monitor/evtx/bytes.h"

#if defined(__SSE2__) || defined(_M_X64)
#include <emmintrin.h>
#define BLOCKWATCH_SSE2 1
#endif

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

// n (2, 4 or 8) units at `text` to as many characters at `out` if all are ASCII other than NUL, as
// nearly always; else false.
template <unsigned n>
bool put_ascii(const std::uint8_t* text, char* out) noexcept {
  static_assert(n == 2 || n == 4 || n == 8);
#ifdef BLOCKWATCH_SSE2
  if constexpr (n > 2) {
    // Packing makes 0 or a negative byte of every unit that is not ASCII.
    const auto* const place = reinterpret_cast<const __m128i*>(text);
    const __m128i units = n == 8 ? _mm_loadu_si128(place) : _mm_loadl_epi64(place);
    const __m128i packed = _mm_packus_epi16(units, units);
    constexpr int kAll = (1 << n) - 1;
    const int ascii = _mm_movemask_epi8(_mm_cmpgt_epi8(packed, _mm_setzero_si128()));
    if ((ascii & kAll) != kAll) return false;
    std::uint64_t characters = 0;
    _mm_storel_epi64(reinterpret_cast<__m128i*>(&characters), packed);
    std::memcpy(out, &characters, n);
    return true;
  } else
#else
  if constexpr (n > 2) {
    return put_ascii<n / 2>(text, out) && put_ascii<n / 2>(text + n, out + n / 2);
  } else
#endif
  {
    const std::uint32_t units = load_u32(text);
    const std::uint32_t some_nul = (units - 0x0001'0001U) & 0x8000'8000U;
    if (((units & 0xFF80'FF80U) | some_nul) != 0) return false;
    out[0] = static_cast<char>(units);
    out[1] = static_cast<char>(units >> 16);
    return true;
  }
}

// Eight units as characters, the first one lowest; of a unit that is not ASCII the character is not
// ASCII or 0.
inline std::uint64_t narrow_eight(const std::uint8_t* text) noexcept {
#ifdef BLOCKWATCH_SSE2
  const __m128i units = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text));
  std::uint64_t characters = 0;
  _mm_storel_epi64(reinterpret_cast<__m128i*>(&characters), _mm_packus_epi16(units, units));
  return characters;
#else
  std::uint64_t characters = 0;
  for (unsigned i = 8; i > 0; --i) {
    const std::uint16_t unit = load_u16(text + std::size_t{2} * (i - 1));
    characters = characters << 8 | (unit < 0x80 ? unit : 0U);
  }
  return characters;
#endif
}

// As utf16_to_utf8, quick for ASCII text.
inline char* ascii_utf16_to_utf8(const std::uint8_t* text, std::size_t units, char* out) noexcept {
  // The last step may overlap the one before.
  const auto ends = [=]<unsigned n>(std::integral_constant<unsigned, n>) {
    return put_ascii<n>(text, out) && put_ascii<n>(text + 2 * (units - n), out + units - n);
  };
  bool ascii = true;
  if (units >= 8) {
    for (std::size_t i = 8; ascii && i < units - 8; i += 8)
      ascii = put_ascii<8>(text + 2 * i, out + i);
    ascii = ascii && ends(std::integral_constant<unsigned, 8>{});
  } else if (units >= 4) {
    ascii = ends(std::integral_constant<unsigned, 4>{});
  } else if (units >= 2) {
    ascii = ends(std::integral_constant<unsigned, 2>{});
  } else if (units == 1) {
    *out = static_cast<char>(*text);
    ascii = load_u16(text) - 1U < 0x7F;
  }
  return ascii ? out + units : utf16_to_utf8(text, units, out);
}

// Writes one code point, which must not be a surrogate; at most 4 bytes.
char* put_utf8(std::uint32_t code_point, char* out) noexcept;

}  // namespace blockwatch::evtx
