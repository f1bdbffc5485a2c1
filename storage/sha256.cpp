#include "storage/sha256.h"

namespace blockwatch {

std::string sha256_hex(std::string_view text) {
  const auto digest = sha256(text);
  if (!digest) return {};
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string hex;
  for (const unsigned char byte : *digest) {
    hex.push_back(kHex[byte >> 4U]);
    hex.push_back(kHex[byte & 15U]);
  }
  return hex;
}

}  // namespace blockwatch
