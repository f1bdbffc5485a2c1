#pragma once
// Text files as Windows tools write them: with or without a byte order mark, in 8 or 16 bits.

#include <cstdint>
#include <string>
#include <string_view>

#include "storage/result.h"

namespace blockwatch {

enum class TextEncoding : std::uint8_t { kPlain, kUtf8Mark, kUtf16Little, kUtf16Big };

struct DecodedText {
  TextEncoding encoding = TextEncoding::kPlain;
  std::string text;  // UTF-8; of kPlain the bytes as they are, also those of a code page
};

// kCorrupt: half a character or surrogate pair, or a NUL byte in 8-bit text.
Result<DecodedText> decode_text(std::string_view bytes);

// The bytes that decode_text() makes this of. Requires UTF-8 for the 16-bit encodings.
std::string encode_text(const DecodedText& decoded);

}  // namespace blockwatch
