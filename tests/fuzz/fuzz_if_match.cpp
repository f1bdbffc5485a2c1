// An If-Match header: what is read of it was in it, in quotes.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "server/handlers/audit.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto seen = blockwatch::handlers::policies_seen(text);
  if (!seen && text != "*") std::abort();
  if (!seen) return 0;
  for (const std::string& tag : *seen) {
    if (text.find('"' + tag + '"') == std::string_view::npos) std::abort();
  }
  return 0;
}
