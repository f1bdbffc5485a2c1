#include "server/secrets.h"

#include <array>
#include <cstdint>

#include "server/random.h"

namespace blockwatch {
namespace {

constexpr std::size_t kSecretBytes = 32;

std::string to_base64url(const std::array<unsigned char, kSecretBytes>& bytes) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string text;
  std::uint32_t pending = 0;
  unsigned bits = 0;
  for (const unsigned char byte : bytes) {
    pending = (pending << 8U) | byte;
    bits += 8;
    while (bits >= 6) {
      bits -= 6;
      text.push_back(kAlphabet[(pending >> bits) & 63U]);
    }
  }
  if (bits > 0) text.push_back(kAlphabet[(pending << (6 - bits)) & 63U]);
  return text;
}

}  // namespace

std::optional<std::string> new_secret(std::string_view prefix) {
  std::array<unsigned char, kSecretBytes> secret{};
  if (!fill_random(secret.data(), secret.size())) return std::nullopt;
  return std::string(prefix) + to_base64url(secret);
}

bool looks_like_secret(std::string_view text, std::string_view prefix) {
  return text.size() == prefix.size() + kSecretDigits && text.starts_with(prefix);
}

}  // namespace blockwatch
