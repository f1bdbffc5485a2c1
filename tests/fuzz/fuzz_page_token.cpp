// A page token from a client: refused, or exactly what encoding it again gives.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "server/page_token.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  auto token = blockwatch::decode_page_token(text);
  if (token && blockwatch::encode_page_token(*token) != text) std::abort();
  return 0;
}
