#include "monitor/evtx/utf16.h"

#include "monitor/evtx/bytes.h"

namespace blockwatch::evtx {

namespace {

constexpr std::uint32_t kReplacement = 0xFFFD;

constexpr bool is_high_surrogate(std::uint32_t unit) { return unit >= 0xD800 && unit < 0xDC00; }
constexpr bool is_low_surrogate(std::uint32_t unit) { return unit >= 0xDC00 && unit < 0xE000; }

// Four units at a time while all of them are ASCII other than NUL, which is nearly always.
bool four_ascii(std::uint64_t units) {
  constexpr std::uint64_t kOnes = 0x0001'0001'0001'0001;
  const std::uint64_t beyond_ascii = units & (kOnes * 0xFF80);
  const std::uint64_t some_nul = (units - kOnes) & (kOnes * 0x8000);
  return (beyond_ascii | some_nul) == 0;
}

}  // namespace

char* put_utf8(std::uint32_t c, char* out) noexcept {
  if (c == 0) c = kReplacement;
  if (c < 0x80) {
    *out++ = static_cast<char>(c);
  } else if (c < 0x800) {
    *out++ = static_cast<char>(0xC0 | c >> 6);
    *out++ = static_cast<char>(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    *out++ = static_cast<char>(0xE0 | c >> 12);
    *out++ = static_cast<char>(0x80 | (c >> 6 & 0x3F));
    *out++ = static_cast<char>(0x80 | (c & 0x3F));
  } else {
    *out++ = static_cast<char>(0xF0 | c >> 18);
    *out++ = static_cast<char>(0x80 | (c >> 12 & 0x3F));
    *out++ = static_cast<char>(0x80 | (c >> 6 & 0x3F));
    *out++ = static_cast<char>(0x80 | (c & 0x3F));
  }
  return out;
}

char* utf16_to_utf8(const std::uint8_t* text, std::size_t units, char* out) noexcept {
  const std::uint8_t* const end = text + units * 2;
  while (text != end) {
    while (end - text >= 8) {
      const std::uint64_t four = load_u64(text);
      if (!four_ascii(four)) break;
      out[0] = static_cast<char>(four);
      out[1] = static_cast<char>(four >> 16);
      out[2] = static_cast<char>(four >> 32);
      out[3] = static_cast<char>(four >> 48);
      out += 4;
      text += 8;
    }
    if (text == end) break;
    std::uint32_t c = load_u16(text);
    text += 2;
    if (is_high_surrogate(c) && text != end && is_low_surrogate(load_u16(text))) {
      c = 0x10000 + ((c - 0xD800) << 10) + (load_u16(text) - 0xDC00U);
      text += 2;
    } else if (is_high_surrogate(c) || is_low_surrogate(c)) {
      c = kReplacement;
    }
    out = put_utf8(c, out);
  }
  return out;
}

std::size_t without_terminator(const std::uint8_t* text, std::size_t units) noexcept {
  while (units > 0 && load_u16(text + 2 * (units - 1)) == 0) --units;
  return units;
}

}  // namespace blockwatch::evtx
