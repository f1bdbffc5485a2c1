// Values of fields, as bytes.

#include <charconv>
#include <stdexcept>

#include "tests/support/evtx_values.h"

namespace blockwatch::testing {

ByteVector utf16(std::string_view utf8) {
  ByteVector out;
  const auto unit = [&out](std::uint32_t u) {
    out.push_back(static_cast<std::uint8_t>(u));
    out.push_back(static_cast<std::uint8_t>(u >> 8));
  };
  for (std::size_t i = 0; i < utf8.size();) {
    const auto lead = static_cast<std::uint8_t>(utf8[i]);
    const unsigned more = lead < 0x80 ? 0 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
    std::uint32_t c = more == 0 ? lead : lead & (0x3fU >> more);
    for (unsigned k = 1; k <= more && i + k < utf8.size(); ++k)
      c = c << 6 | (static_cast<std::uint8_t>(utf8[i + k]) & 0x3f);
    i += 1 + more;
    if (c >= 0x10000) {
      unit(0xd800 + ((c - 0x10000) >> 10));
      unit(0xdc00 + ((c - 0x10000) & 0x3ff));
    } else {
      unit(c);
    }
  }
  return out;
}

FieldSpec text_field(std::string name, std::string_view utf8) {
  return {std::move(name), kString, utf16(utf8)};
}
FieldSpec uint32_field(std::string name, std::uint32_t value) {
  return {std::move(name), kUInt32, little(value, 4)};
}
FieldSpec uint64_field(std::string name, std::uint64_t value) {
  return {std::move(name), kUInt64, little(value, 8)};
}
FieldSpec hex64_field(std::string name, std::uint64_t value) {
  return {std::move(name), kHex64, little(value, 8)};
}
FieldSpec size_field(std::string name, std::uint64_t value) {
  return {std::move(name), kSize, little(value, 8)};
}

FieldSpec sid_field(std::string name, std::string_view sid) {
  std::vector<std::uint64_t> parts;
  for (std::size_t at = sid.find('-'); at != std::string_view::npos; at = sid.find('-', at + 1)) {
    std::uint64_t n = 0;
    std::from_chars(sid.data() + at + 1, sid.data() + sid.size(), n);
    parts.push_back(n);
  }
  if (parts.size() < 2 || parts.size() > 17) throw std::invalid_argument("a SID expected");
  ByteVector bytes = {static_cast<std::uint8_t>(parts[0]),
                      static_cast<std::uint8_t>(parts.size() - 2)};
  for (unsigned shift = 48; shift != 0; shift -= 8)
    bytes.push_back(static_cast<std::uint8_t>(parts[1] >> (shift - 8)));
  for (std::size_t i = 2; i < parts.size(); ++i) {
    const ByteVector part = little(parts[i], 4);
    bytes.insert(bytes.end(), part.begin(), part.end());
  }
  return {std::move(name), kSid, std::move(bytes)};
}

}  // namespace blockwatch::testing
