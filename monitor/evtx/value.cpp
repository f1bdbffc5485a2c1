#include "monitor/evtx/value.h"

#include <charconv>
#include <cstring>
#include <string_view>

#include "monitor/evtx/utf16.h"

namespace blockwatch::evtx {

namespace {

constexpr std::size_t kMaxScalarText = 40;        // GUID 38, time 30, shortest double 24
constexpr std::uint32_t kMaxSidAuthorities = 15;  // SID_MAX_SUB_AUTHORITIES of winnt.h

template <class Int>
char* put_number(Int n, char* out) {
  return std::to_chars(out, out + kMaxScalarText, n).ptr;
}

char* put_padded(std::uint64_t n, unsigned digits, char* out) {
  for (char* p = out + digits; p != out; n /= 10) *--p = static_cast<char>('0' + n % 10);
  return out + digits;
}

char* put_text(std::string_view text, char* out) {
  std::memcpy(out, text.data(), text.size());
  return out + text.size();
}

char* put_byte(std::uint8_t byte, const char* digits, char* out) {
  *out++ = digits[byte >> 4];
  *out++ = digits[byte & 15];
  return out;
}

char* put_bytes(const std::uint8_t* bytes, std::size_t n, char* out) {
  for (std::size_t i = 0; i < n; ++i) out = put_byte(bytes[i], "0123456789ABCDEF", out);
  return out;
}

char* put_hex(std::uint64_t n, char* out) {
  out = put_text("0x", out);
  return std::to_chars(out, out + kMaxScalarText, n, 16).ptr;
}

char* put_guid(const std::uint8_t* g, char* out) {
  // The first three groups are numbers in little-endian order, the rest bytes.
  static constexpr std::uint8_t kOrder[16] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
  *out++ = '{';
  for (unsigned i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) *out++ = '-';
    out = put_byte(g[kOrder[i]], "0123456789abcdef", out);
  }
  *out++ = '}';
  return out;
}

char* put_date(std::uint64_t year, unsigned month, unsigned day, char* out) {
  out = year > 9999 ? put_number(year, out) : put_padded(year, 4, out);
  *out++ = '-';
  out = put_padded(month, 2, out);
  *out++ = '-';
  out = put_padded(day, 2, out);
  *out++ = 'T';
  return out;
}

char* put_clock(std::uint64_t hour, std::uint64_t minute, std::uint64_t second, char* out) {
  out = put_padded(hour, 2, out);
  *out++ = ':';
  out = put_padded(minute, 2, out);
  *out++ = ':';
  out = put_padded(second, 2, out);
  *out++ = '.';
  return out;
}

// Gregorian date of a day count, for every FILETIME there can be (up to the year 60056).
char* put_filetime(std::uint64_t filetime, char* out) {
  constexpr std::uint64_t kTicksPerSecond = 10'000'000;
  const std::uint64_t seconds = filetime / kTicksPerSecond;
  // Years counted from 1 March 1600 have their leap day last, which makes months regular.
  const std::uint64_t days = seconds / 86'400 + 306;
  const std::uint64_t era = days / 146'097;
  const std::uint64_t day_of_era = days % 146'097;
  const std::uint64_t year_of_era =
      (day_of_era - day_of_era / 1'460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const std::uint64_t day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const std::uint64_t shifted_month = (5 * day_of_year + 2) / 153;
  const auto day = static_cast<unsigned>(day_of_year - (153 * shifted_month + 2) / 5 + 1);
  const auto month =
      static_cast<unsigned>(shifted_month < 10 ? shifted_month + 3 : shifted_month - 9);
  out = put_date(1600 + era * 400 + year_of_era + (month <= 2 ? 1 : 0), month, day, out);
  out = put_clock(seconds / 3600 % 24, seconds / 60 % 60, seconds % 60, out);
  out = put_padded(filetime % kTicksPerSecond, 7, out);
  *out++ = 'Z';
  return out;
}

char* put_system_time(const std::uint8_t* t, char* out) {
  out = put_date(load_u16(t), load_u16(t + 2) % 100U, load_u16(t + 6) % 100U, out);
  out = put_clock(load_u16(t + 8) % 100U, load_u16(t + 10) % 100U, load_u16(t + 12) % 100U, out);
  out = put_padded(load_u16(t + 14) % 1000U, 3, out);
  *out++ = 'Z';
  return out;
}

bool is_sid(const std::uint8_t* s, std::uint32_t size) {
  return size >= 8 && s[1] <= kMaxSidAuthorities && size >= 8U + 4U * s[1];
}

char* put_sid(const std::uint8_t* s, char* out) {
  out = put_text("S-", out);
  out = put_number(static_cast<unsigned>(s[0]), out);
  std::uint64_t authority = 0;
  for (unsigned i = 2; i < 8; ++i) authority = authority << 8 | s[i];
  *out++ = '-';
  out = put_number(authority, out);
  for (unsigned i = 0; i < s[1]; ++i) {
    *out++ = '-';
    out = put_number(load_u32(s + 8 + std::size_t{4} * i), out);
  }
  return out;
}

char* put_ansi(const std::uint8_t* text, std::size_t n, char* out) {
  while (n > 0 && text[n - 1] == 0) --n;
  // The code page is not recorded; Latin-1 keeps every byte apart.
  for (std::size_t i = 0; i < n; ++i) out = put_utf8(text[i], out);
  return out;
}

template <class Float>
char* put_float(const std::uint8_t* p, char* out) {
  Float f;
  if constexpr (sizeof(Float) == 4) {
    const std::uint32_t bits = load_u32(p);
    std::memcpy(&f, &bits, sizeof f);
  } else {
    const std::uint64_t bits = load_u64(p);
    std::memcpy(&f, &bits, sizeof f);
  }
  return std::to_chars(out, out + kMaxScalarText, f).ptr;
}

// Bytes of one value of the type; 0 when that varies or is unknown.
constexpr std::uint32_t width_of(ValueType type) {
  switch (type) {
    case ValueType::kInt8:
    case ValueType::kUInt8:
      return 1;
    case ValueType::kInt16:
    case ValueType::kUInt16:
      return 2;
    case ValueType::kInt32:
    case ValueType::kUInt32:
    case ValueType::kReal32:
    case ValueType::kBool:
    case ValueType::kHexInt32:
      return 4;
    case ValueType::kInt64:
    case ValueType::kUInt64:
    case ValueType::kReal64:
    case ValueType::kFileTime:
    case ValueType::kHexInt64:
      return 8;
    case ValueType::kGuid:
    case ValueType::kSystemTime:
      return 16;
    default:
      return 0;
  }
}

std::uint64_t load_width(const std::uint8_t* p, std::uint32_t width) {
  switch (width) {
    case 1:
      return p[0];
    case 2:
      return load_u16(p);
    case 4:
      return load_u32(p);
    default:
      return load_u64(p);
  }
}

// Requires size == width_of(type), which is not 0.
char* render_fixed(ValueType type, const std::uint8_t* p, char* out) {
  switch (type) {
    case ValueType::kInt8:
      return put_number(static_cast<int>(static_cast<std::int8_t>(p[0])), out);
    case ValueType::kInt16:
      return put_number(static_cast<std::int16_t>(load_u16(p)), out);
    case ValueType::kInt32:
      return put_number(static_cast<std::int32_t>(load_u32(p)), out);
    case ValueType::kInt64:
      return put_number(static_cast<std::int64_t>(load_u64(p)), out);
    case ValueType::kUInt8:
    case ValueType::kUInt16:
    case ValueType::kUInt32:
    case ValueType::kUInt64:
      return put_number(load_width(p, width_of(type)), out);
    case ValueType::kReal32:
      return put_float<float>(p, out);
    case ValueType::kReal64:
      return put_float<double>(p, out);
    case ValueType::kBool:
      return put_text(load_u32(p) != 0 ? "true" : "false", out);
    case ValueType::kHexInt32:
      return put_hex(load_u32(p), out);
    case ValueType::kHexInt64:
      return put_hex(load_u64(p), out);
    case ValueType::kFileTime:
      return put_filetime(load_u64(p), out);
    case ValueType::kGuid:
      return put_guid(p, out);
    case ValueType::kSystemTime:
      return put_system_time(p, out);
    default:
      return out;
  }
}

char* render_one(ValueType type, const std::uint8_t* p, std::uint32_t size, char* out) {
  switch (type) {
    case ValueType::kNull:
      return out;
    case ValueType::kString:
      return ascii_utf16_to_utf8(p, without_terminator(p, size / 2), out);
    case ValueType::kAnsiString:
      return put_ansi(p, size, out);
    case ValueType::kSid:
      return is_sid(p, size) ? put_sid(p, out) : put_bytes(p, size, out);
    case ValueType::kSize:
      if (size == 4 || size == 8) return put_hex(load_width(p, size), out);
      return put_bytes(p, size, out);
    case ValueType::kBool:
      // Some providers write booleans of one or two bytes.
      if (size == 1 || size == 2) return put_text(load_width(p, size) != 0 ? "true" : "false", out);
      break;
    default:
      break;
  }
  if (size != 0 && size == width_of(type)) return render_fixed(type, p, out);
  return put_bytes(p, size, out);
}

// Arrays of text are a run of terminated strings; all others have elements of one size.
char* render_array(ValueType type, const std::uint8_t* p, std::uint32_t size, char* out) {
  const std::uint32_t unit = type == ValueType::kString ? 2 : 1;
  std::uint32_t width = type == ValueType::kSize ? 8 : width_of(type);
  const bool text = type == ValueType::kString || type == ValueType::kAnsiString;
  if (!text && (width == 0 || size % width != 0)) return put_bytes(p, size, out);
  for (std::uint32_t at = 0; at + unit <= size;) {
    if (at != 0) *out++ = ',';
    if (text) {
      width = 0;
      while (at + width + unit <= size &&
             (unit == 2 ? load_u16(p + at + width) : p[at + width]) != 0)
        width += unit;
    }
    out = render_one(type, p + at, width, out);
    at += text ? width + unit : width;
  }
  return out;
}

}  // namespace

std::size_t max_text_size(const Value& value) noexcept {
  if ((value.type & kArrayFlag) != 0) return (kMaxScalarText + 1) * std::size_t{value.size} + 1;
  return value.size == 0 ? 0 : max_text_size(1, value.size);
}

char* render(const Value& value, char* out) noexcept {
  const auto type = static_cast<ValueType>(value.type & ~kArrayFlag);
  return (value.type & kArrayFlag) != 0 ? render_array(type, value.bytes, value.size, out)
                                        : render_one(type, value.bytes, value.size, out);
}

std::optional<std::uint64_t> text_to_number(Value value) noexcept {
  std::uint64_t n = 0;
  const std::size_t units = without_terminator(value.bytes, value.size / 2);
  if (units == 0 || units > 20) return std::nullopt;
  char digits[20 * kMaxUtf8PerUnit];
  const char* end = utf16_to_utf8(value.bytes, units, digits);
  const auto parsed = std::from_chars(digits, end, n);
  if (parsed.ec != std::errc{} || parsed.ptr != end) return std::nullopt;
  return n;
}

}  // namespace blockwatch::evtx
