#pragma once
// Typed values of BinXML as text, in the forms that Windows renders them in XML.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>

#include "monitor/evtx/bytes.h"

namespace blockwatch::evtx {

// Type codes of the format ([MS-EVEN6] 2.2.12); others exist and are rendered as hexadecimal bytes.
enum class ValueType : std::uint8_t {
  kNull = 0x00,
  kString = 0x01,
  kAnsiString = 0x02,
  kInt8 = 0x03,
  kUInt8 = 0x04,
  kInt16 = 0x05,
  kUInt16 = 0x06,
  kInt32 = 0x07,
  kUInt32 = 0x08,
  kInt64 = 0x09,
  kUInt64 = 0x0a,
  kReal32 = 0x0b,
  kReal64 = 0x0c,
  kBool = 0x0d,
  kBinary = 0x0e,
  kGuid = 0x0f,
  kSize = 0x10,
  kFileTime = 0x11,
  kSystemTime = 0x12,
  kSid = 0x13,
  kHexInt32 = 0x14,
  kHexInt64 = 0x15,
  kBinXml = 0x21,
};
inline constexpr std::uint8_t kArrayFlag = 0x80;

// One value as the log holds it. `bytes` outlive it.
struct Value {
  const std::uint8_t* bytes = nullptr;
  std::uint32_t size = 0;
  std::uint8_t type = 0;  // ValueType, possibly with kArrayFlag

  Value() = default;
  Value(std::uint8_t t, const std::uint8_t* b, std::uint32_t n) : bytes(b), size(n), type(t) {}

  bool is(ValueType t) const noexcept { return type == static_cast<std::uint8_t>(t); }
};

// Room that render() may need, in bytes: for the value, and for `count` values of `size` bytes
// altogether that are no arrays.
std::size_t max_text_size(const Value& value) noexcept;
constexpr std::size_t max_text_size(std::size_t count, std::size_t size) noexcept {
  // A UTF-16 unit or an ANSI byte becomes at most 3 bytes. The longest text of a scalar is a GUID's
  // with 38; a SID begins with at most 24 bytes, and 4 bytes of it become at most 11.
  constexpr std::size_t kBytesPerByte = 3;
  constexpr std::size_t kMaxScalarText = 40;
  return kBytesPerByte * size + kMaxScalarText * count;
}

// Writes the value as UTF-8 and returns the end; `out` has room for max_text_size(value). Null and
// empty values give nothing. The elements of an array are separated by commas. A value whose size
// does not fit its type is written as hexadecimal bytes, so that nothing is lost or made up.
char* render(const Value& value, char* out) noexcept;

// The value if it is an unsigned integer, decimal or hexadecimal, of its type's size. By
// reference, because an optional goes through memory, and floods would wait for it.
inline bool read_unsigned(Value value, std::uint64_t& number) noexcept {
  switch (static_cast<ValueType>(value.type)) {
    case ValueType::kUInt8:
      if (value.size != 1) return false;
      number = *value.bytes;
      return true;
    case ValueType::kUInt16:
      if (value.size != 2) return false;
      number = load_u16(value.bytes);
      return true;
    case ValueType::kUInt32:
    case ValueType::kHexInt32:
      if (value.size != 4) return false;
      number = load_u32(value.bytes);
      return true;
    case ValueType::kUInt64:
    case ValueType::kHexInt64:
      if (value.size != 8) return false;
      number = load_u64(value.bytes);
      return true;
    default:
      return false;
  }
}
inline std::optional<std::uint64_t> unsigned_value(Value value) noexcept {
  std::uint64_t number = 0;
  return read_unsigned(value, number) ? std::optional(number) : std::nullopt;
}

// Most values are short: the first and the last bytes, which may overlap, are all there are.
inline bool same_bytes(const std::uint8_t* a, const std::uint8_t* b, std::uint32_t n) noexcept {
  // Paths begin alike and end in ".exe".
  if (n > 32) return load_u64(a + n - 16) == load_u64(b + n - 16) && std::memcmp(a, b, n) == 0;
  if (n >= 8) {
    if (load_u64(a) != load_u64(b) || load_u64(a + n - 8) != load_u64(b + n - 8)) return false;
    return n <= 16 ||
           (load_u64(a + 8) == load_u64(b + 8) && load_u64(a + n - 16) == load_u64(b + n - 16));
  }
  if (n >= 4) return load_u32(a) == load_u32(b) && load_u32(a + n - 4) == load_u32(b + n - 4);
  for (std::uint32_t i = 0; i < n; ++i) {
    if (a[i] != b[i]) return false;
  }
  return true;
}

// Of one type, with the same bytes; literals are often one and the same.
inline bool same(Value a, Value b) noexcept {
  return ((a.size ^ b.size) | static_cast<std::uint32_t>(a.type ^ b.type)) == 0 &&
         (a.bytes == b.bytes || same_bytes(a.bytes, b.bytes, a.size));
}

inline bool is_hexadecimal(Value value) noexcept {
  return value.is(ValueType::kHexInt32) || value.is(ValueType::kHexInt64);
}

// The value as a number if it is an integer that is not negative, or text that holds one.
std::optional<std::uint64_t> text_to_number(Value value) noexcept;  // requires kString
inline std::optional<std::uint64_t> to_number(Value value) noexcept {
  return value.is(ValueType::kString) ? text_to_number(value) : unsigned_value(value);
}

// The value as a FILETIME if it is one (kFileTime, or an integer of 8 bytes).
inline std::optional<std::uint64_t> to_filetime(Value value) noexcept {
  if (value.size != 8 || (!value.is(ValueType::kFileTime) && !value.is(ValueType::kUInt64)))
    return std::nullopt;
  return load_u64(value.bytes);
}

}  // namespace blockwatch::evtx
