#pragma once
// UTF-8 as RFC 3629 defines it: no surrogates, no overlong forms, nothing above U+10FFFF.

#include <cstddef>
#include <string>
#include <string_view>

namespace blockwatch {

inline constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

// Length in bytes (1 to 4) of the character at the front; 0 when there is none or it is not UTF-8.
std::size_t utf8_sequence(std::string_view text) noexcept;

bool is_utf8(std::string_view text) noexcept;

// Each byte that belongs to no character becomes U+FFFD.
void append_valid_utf8(std::string& out, std::string_view text);

// The longest whole-character part of at most max_bytes, for messages that quote what was sent.
std::string shorten_utf8(std::string_view text, std::size_t max_bytes);

}  // namespace blockwatch
