#pragma once
// Typed values of BinXML as text, in the forms that Windows renders them in XML.

#include <cstddef>
#include <cstdint>
#include <optional>

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
  std::uint8_t type = 0;  // ValueType, possibly with kArrayFlag
  const std::uint8_t* bytes = nullptr;
  std::uint32_t size = 0;

  bool is(ValueType t) const noexcept { return type == static_cast<std::uint8_t>(t); }
};

// Room that render() may need for the value, in bytes.
std::size_t max_text_size(const Value& value) noexcept;

// Writes the value as UTF-8 and returns the end; `out` has room for max_text_size(value). Null and
// empty values give nothing. The elements of an array are separated by commas. A value whose size
// does not fit its type is written as hexadecimal bytes, so that nothing is lost or made up.
char* render(const Value& value, char* out) noexcept;

// The value as a number if it is an integer that is not negative, or text that holds one.
std::optional<std::uint64_t> to_number(const Value& value) noexcept;

// The value as a FILETIME if it is one (kFileTime, or an integer of 8 bytes).
std::optional<std::uint64_t> to_filetime(const Value& value) noexcept;

}  // namespace blockwatch::evtx
