// An upload that is said to be gzip, in pieces: how it is cut makes no difference, and no more
// comes out of it than is allowed.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "server/gzip.h"

namespace {

constexpr std::size_t kMost = std::size_t{1} << 20;

// Nothing: it was refused.
std::optional<std::string> unpack(std::string_view packed, std::size_t piece) {
  using namespace blockwatch;
  bool too_large = false;
  const http::BodyReader reader = gunzip_reader(
      [&](char* buffer, std::size_t room) -> Result<std::size_t> {
        const std::size_t n = std::min({piece, room, packed.size()});
        std::memcpy(buffer, packed.data(), n);
        packed.remove_prefix(n);
        return n;
      },
      kMost, &too_large);
  std::string plain;
  std::array<char, 4096> buffer{};
  while (true) {
    const auto got = reader(buffer.data(), buffer.size());
    if (!got) return std::nullopt;
    if (too_large) std::abort();
    if (*got == 0) return plain;
    plain.append(buffer.data(), *got);
    if (plain.size() > kMost) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view packed(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (unpack(packed, 1 + data[0] % 16U) != unpack(packed, kMost)) std::abort();
  return 0;
}
