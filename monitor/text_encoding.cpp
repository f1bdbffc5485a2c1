#include "monitor/text_encoding.h"

namespace blockwatch {
namespace {

constexpr std::string_view kUtf8Mark = "\xEF\xBB\xBF";
constexpr std::string_view kLittleMark = "\xFF\xFE";
constexpr std::string_view kBigMark = "\xFE\xFF";

unsigned byte_at(std::string_view text, std::size_t i) {
  return static_cast<unsigned char>(text[i]);
}

unsigned unit_at(std::string_view bytes, std::size_t i, bool big) {
  return big ? byte_at(bytes, i) << 8U | byte_at(bytes, i + 1)
             : byte_at(bytes, i + 1) << 8U | byte_at(bytes, i);
}

void append_utf8(std::string& out, unsigned point) {
  const auto put = [&out](unsigned byte) { out += static_cast<char>(byte); };
  if (point < 0x80) return put(point);
  if (point < 0x800) {
    put(0xC0U | point >> 6U);
  } else {
    if (point < 0x10000) {
      put(0xE0U | point >> 12U);
    } else {
      put(0xF0U | point >> 18U);
      put(0x80U | (point >> 12U & 0x3FU));
    }
    put(0x80U | (point >> 6U & 0x3FU));
  }
  put(0x80U | (point & 0x3FU));
}

Result<std::string> decode_utf16(std::string_view bytes, bool big) {
  if (bytes.size() % 2 != 0) {
    return make_error(ErrorCode::kCorrupt, "the UTF-16 text ends within a character");
  }
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 2) {
    unsigned point = unit_at(bytes, i, big);
    if (point >= 0xD800 && point < 0xE000) {
      const unsigned low = i + 2 < bytes.size() ? unit_at(bytes, i + 2, big) : 0;
      if (point >= 0xDC00 || low < 0xDC00 || low >= 0xE000) {
        return make_error(ErrorCode::kCorrupt,
                          "byte " + std::to_string(i + 2) + ": half a UTF-16 surrogate pair");
      }
      point = 0x10000 + ((point - 0xD800) << 10U) + (low - 0xDC00);
      i += 2;
    }
    append_utf8(text, point);
  }
  return text;
}

void append_unit(std::string& out, unsigned unit, bool big) {
  const auto high = static_cast<char>(unit >> 8U);
  const auto low = static_cast<char>(unit & 0xFFU);
  out += big ? high : low;
  out += big ? low : high;
}

void append_utf16(std::string& out, std::string_view text, bool big) {
  for (std::size_t i = 0; i < text.size();) {
    const unsigned first = byte_at(text, i);
    const std::size_t length = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    unsigned point = length == 1 ? first : first & (0x7FU >> length);
    for (std::size_t k = 1; k < length && i + k < text.size(); ++k) {
      point = point << 6U | (byte_at(text, i + k) & 0x3FU);
    }
    i += length;
    if (point >= 0x10000) {
      append_unit(out, 0xD800 + ((point - 0x10000) >> 10U), big);
      point = 0xDC00 + ((point - 0x10000) & 0x3FFU);
    }
    append_unit(out, point, big);
  }
}

}  // namespace

Result<DecodedText> decode_text(std::string_view bytes) {
  if (bytes.starts_with(kLittleMark) || bytes.starts_with(kBigMark)) {
    const bool big = bytes.starts_with(kBigMark);
    auto text = decode_utf16(bytes.substr(2), big);
    if (!text) return tl::unexpected(text.error());
    return DecodedText{big ? TextEncoding::kUtf16Big : TextEncoding::kUtf16Little,
                       std::move(*text)};
  }
  if (const auto nul = bytes.find('\0'); nul != std::string_view::npos) {
    return make_error(ErrorCode::kCorrupt,
                      "byte " + std::to_string(nul) + ": NUL; UTF-16 needs a byte order mark");
  }
  if (bytes.starts_with(kUtf8Mark)) {
    return DecodedText{TextEncoding::kUtf8Mark, std::string(bytes.substr(kUtf8Mark.size()))};
  }
  return DecodedText{TextEncoding::kPlain, std::string(bytes)};
}

std::string encode_text(const DecodedText& decoded) {
  switch (decoded.encoding) {
    case TextEncoding::kPlain:
      return decoded.text;
    case TextEncoding::kUtf8Mark:
      return std::string(kUtf8Mark) + decoded.text;
    case TextEncoding::kUtf16Little:
    case TextEncoding::kUtf16Big:
      break;
  }
  const bool big = decoded.encoding == TextEncoding::kUtf16Big;
  std::string bytes(big ? kBigMark : kLittleMark);
  append_utf16(bytes, decoded.text, big);
  return bytes;
}

}  // namespace blockwatch
