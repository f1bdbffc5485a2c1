#pragma once
// UTF-16LE text of a log to UTF-8.

#include <cstddef>
#include <cstdint>

namespace blockwatch::evtx {

// A UTF-16 unit becomes at most this many bytes; a surrogate pair becomes four.
inline constexpr std::size_t kMaxUtf8PerUnit = 3;

// Writes `units` code units from `text` (little-endian, any alignment) as valid UTF-8 to `out`,
// which must have room for kMaxUtf8PerUnit each; returns the end. Unpaired surrogates and NUL,
// which no XML can carry, become U+FFFD.
char* utf16_to_utf8(const std::uint8_t* text, std::size_t units, char* out) noexcept;

// Units before a terminating NUL, if any: Windows counts the terminator in some values.
std::size_t without_terminator(const std::uint8_t* text, std::size_t units) noexcept;

// Writes one code point, which must not be a surrogate; at most 4 bytes.
char* put_utf8(std::uint32_t code_point, char* out) noexcept;

}  // namespace blockwatch::evtx
