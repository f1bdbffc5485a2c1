#include <windows.h>
// After windows.h.
#include <bcrypt.h>

#include <string>

#include "storage/sha256.h"
#include "storage/system_function.h"

// Newer than the headers of some mingw-w64.
#ifndef BCRYPT_SHA256_ALG_HANDLE
#define BCRYPT_SHA256_ALG_HANDLE (reinterpret_cast<BCRYPT_ALG_HANDLE>(0x41))
#endif

namespace blockwatch {

std::optional<std::array<unsigned char, 32>> sha256(std::string_view text) {
  static auto* const kHash = system_function<decltype(BCryptHash)>(L"bcrypt.dll", "BCryptHash");
  if (kHash == nullptr) return std::nullopt;
  std::string input(text);
  std::array<unsigned char, 32> digest{};
  const NTSTATUS status =
      kHash(BCRYPT_SHA256_ALG_HANDLE, nullptr, 0, reinterpret_cast<PUCHAR>(input.data()),
            static_cast<ULONG>(input.size()), digest.data(), static_cast<ULONG>(digest.size()));
  if (status != 0) return std::nullopt;
  return digest;
}

}  // namespace blockwatch
