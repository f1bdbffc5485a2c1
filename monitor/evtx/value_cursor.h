#pragma once
// The values of a template instance one by one, in the inner loop of the reader.

#include <cstdint>

#include "monitor/evtx/binxml.h"
#include "monitor/evtx/value.h"

namespace blockwatch::evtx {

// One value of an instance, without the check of the whole table; false: there is none.
inline bool find_value(Bytes chunk, std::uint32_t table, std::uint32_t end, std::uint32_t index,
                       Value& out) {
  if (end - table < 4) return false;
  const std::uint32_t count = chunk.u32(table);
  const std::uint32_t descriptors = table + 4;
  if (index >= count || (end - descriptors) / 4 < count) return false;
  std::uint32_t at = descriptors + 4 * count;
  for (std::uint32_t i = 0; i < index; ++i) at += chunk.u16(descriptors + 4 * i);
  const std::uint32_t descriptor = descriptors + 4 * index;
  const std::uint32_t size = chunk.u16(descriptor);
  if (at > end || size > end - at) return false;
  out = {chunk.u8(descriptor + 2), chunk.at(at), size};
  return true;
}

// Goes through the values of an instance.
struct ValueCursor {
  const std::uint8_t* descriptor;  // of the next value
  const std::uint8_t* behind;      // the last descriptor
  const std::uint8_t* bytes;
  std::uint32_t left;

  ValueCursor(Bytes chunk, const ValueTable& values)
      : descriptor(chunk.at(values.descriptors)),
        behind(chunk.at(values.values)),
        bytes(behind),
        left(values.end - values.values) {}

  bool at_end() const { return descriptor == behind; }
  // False: the value does not fit. Requires that there is one.
  bool next() {
    const std::uint32_t size = load_u16(descriptor);
    if (size > left) return false;
    descriptor += 4;
    bytes += size;
    left -= size;
    return true;
  }
};

}  // namespace blockwatch::evtx
