#pragma once
// SHA-256 by the system's own library.

#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace blockwatch {

// Nothing: the library failed (no memory).
std::optional<std::array<unsigned char, 32>> sha256(std::string_view text);

// In lower-case hex; empty when the library failed.
std::string sha256_hex(std::string_view text);

}  // namespace blockwatch
