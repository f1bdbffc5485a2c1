#include <openssl/evp.h>

#include "storage/sha256.h"

namespace blockwatch {

std::optional<std::array<unsigned char, 32>> sha256(std::string_view text) {
  std::array<unsigned char, 32> digest{};
  if (EVP_Digest(text.data(), text.size(), digest.data(), nullptr, EVP_sha256(), nullptr) != 1) {
    return std::nullopt;
  }
  return digest;
}

}  // namespace blockwatch
