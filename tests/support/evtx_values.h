#pragma once
// BinXML type codes and numbers as bytes, for the files of the EVTX builder.

#include "tests/support/evtx_builder.h"

namespace blockwatch::testing {

inline constexpr std::uint8_t kString = 0x01, kUInt8 = 0x04, kUInt16 = 0x06, kUInt32 = 0x08,
                              kUInt64 = 0x0a, kGuid = 0x0f, kSize = 0x10, kFileTime = 0x11,
                              kSid = 0x13, kHex32 = 0x14, kHex64 = 0x15, kBinXml = 0x21;

// `v` as `n` bytes, the lowest first.
inline ByteVector little(std::uint64_t v, std::size_t n) {
  ByteVector out(n);
  for (std::size_t i = 0; i < n; ++i) out[i] = static_cast<std::uint8_t>(v >> (8 * i));
  return out;
}

}  // namespace blockwatch::testing
