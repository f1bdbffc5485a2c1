#include "monitor/evtx/utf16.h"

namespace blockwatch::evtx {

namespace {

constexpr std::uint32_t kReplacement = 0xFFFD;

constexpr bool is_high_surrogate(std::uint32_t unit) { return unit >= 0xD800 && unit < 0xDC00; }
constexpr bool is_low_surrogate(std::uint32_t unit) { return unit >= 0xDC00 && unit < 0xE000; }

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
    for (; end - text >= 8 && put_ascii<4>(text, out); text += 8) out += 4;
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

}  // namespace blockwatch::evtx
