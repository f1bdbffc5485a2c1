#pragma once
// Random secrets in text form.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace blockwatch {

inline constexpr std::size_t kSecretDigits = 43;  // 256 bits in base64url without padding

// `prefix` and 256 random bits. Nothing: the system's random generator failed.
std::optional<std::string> new_secret(std::string_view prefix);

// Whether the text has the shape of such a secret.
bool looks_like_secret(std::string_view text, std::string_view prefix);

}  // namespace blockwatch
