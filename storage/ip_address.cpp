#include "storage/ip_address.h"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace blockwatch {
namespace {

constexpr std::array<std::uint8_t, 12> kMappedPrefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

// A byte of a dotted address, with the dot behind it.
struct Octet {
  std::array<char, 4> text{};
  std::uint8_t size = 0;
};

constexpr std::array<Octet, 256> kOctets = [] {
  std::array<Octet, 256> octets{};
  for (unsigned value = 0; value < octets.size(); ++value) {
    Octet& octet = octets[value];
    for (unsigned place = value < 10 ? 1 : value < 100 ? 10 : 100; place != 0; place /= 10) {
      octet.text[octet.size++] = static_cast<char>('0' + value / place % 10);
    }
    octet.text[octet.size++] = '.';
  }
  return octets;
}();

// Four decimal numbers 0..255 without leading zeros (inet_aton's octal reading is refused).
bool parse_dotted(std::string_view text, std::uint32_t& value) {
  value = 0;
  const char* p = text.data();
  const char* const end = p + text.size();
  for (int part = 0; part < 4; ++part) {
    if (part > 0) {
      if (p == end || *p != '.') return false;
      ++p;
    }
    const char* const start = p;
    unsigned number = 0;
    while (p != end && *p >= '0' && *p <= '9' && p - start < 3) {
      number = number * 10 + static_cast<unsigned>(*p++ - '0');
    }
    if (p == start || number > 255 || (p - start > 1 && *start == '0')) return false;
    value = value << 8 | number;
  }
  return p == end;
}

bool parse_group(std::string_view text, std::uint16_t& group) {
  if (text.empty() || text.size() > 4) return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), group, 16);
  return error == std::errc{} && end == text.data() + text.size();
}

bool parse_v6(std::string_view text, IpAddress& address) {
  std::array<std::uint16_t, 8> groups{};
  std::size_t count = 0;
  std::size_t gap = 9;  // where "::" stands; 9: nowhere
  if (text.starts_with("::")) {
    gap = 0;
    text.remove_prefix(2);
  }
  while (!text.empty()) {
    const std::size_t colon = text.find(':');
    const std::string_view part = text.substr(0, colon);
    if (colon == std::string_view::npos && part.find('.') != std::string_view::npos) {
      std::uint32_t v4 = 0;
      if (count > 6 || !parse_dotted(part, v4)) return false;
      groups[count++] = static_cast<std::uint16_t>(v4 >> 16);
      groups[count++] = static_cast<std::uint16_t>(v4);
      break;
    }
    if (count == 8 || !parse_group(part, groups[count])) return false;
    ++count;
    if (colon == std::string_view::npos) break;
    text.remove_prefix(colon + 1);
    if (text.empty()) return false;  // a single ':' at the end
    if (text.front() == ':') {
      if (gap != 9) return false;
      gap = count;
      text.remove_prefix(1);
    }
  }
  if (gap == 9 ? count != 8 : count > 7) return false;
  if (gap != 9) {
    const std::size_t tail = count - gap;
    std::move_backward(groups.begin() + static_cast<std::ptrdiff_t>(gap),
                       groups.begin() + static_cast<std::ptrdiff_t>(count), groups.end());
    std::fill(groups.begin() + static_cast<std::ptrdiff_t>(gap),
              groups.end() - static_cast<std::ptrdiff_t>(tail), std::uint16_t{0});
  }
  for (std::size_t i = 0; i < 8; ++i) {
    address.bytes[2 * i] = static_cast<std::uint8_t>(groups[i] >> 8);
    address.bytes[2 * i + 1] = static_cast<std::uint8_t>(groups[i]);
  }
  return true;
}

// The widest address block (prefix length `bits` of 128) around `address`.
IpRange block_of(const IpAddress& address, unsigned bits) {
  IpRange range{address, address};
  for (unsigned i = 0; i < 16; ++i) {
    const unsigned kept = bits > 8 * i ? std::min(bits - 8 * i, 8U) : 0;
    const auto host_mask = static_cast<std::uint8_t>(0xffU >> kept);
    range.low.bytes[i] = static_cast<std::uint8_t>(range.low.bytes[i] & ~host_mask);
    range.high.bytes[i] = static_cast<std::uint8_t>(range.high.bytes[i] | host_mask);
  }
  return range;
}

}  // namespace

IpAddress IpAddress::v4(std::uint32_t host_order) noexcept {
  IpAddress a;
  std::copy(kMappedPrefix.begin(), kMappedPrefix.end(), a.bytes.begin());
  for (unsigned i = 0; i < 4; ++i) {
    a.bytes[12 + i] = static_cast<std::uint8_t>(host_order >> (24 - 8 * i));
  }
  return a;
}

bool IpAddress::is_v4() const noexcept {
  return std::memcmp(bytes.data(), kMappedPrefix.data(), kMappedPrefix.size()) == 0;
}

std::uint32_t IpAddress::v4_value() const noexcept {
  std::uint32_t value = 0;
  for (unsigned i = 12; i < 16; ++i) value = value << 8 | bytes[i];
  return value;
}

bool IpAddress::is_unspecified() const noexcept {
  return is_v4() ? v4_value() == 0
                 : std::all_of(bytes.begin(), bytes.end(), [](auto b) { return b == 0; });
}

bool IpAddress::is_loopback() const noexcept {
  if (is_v4()) return bytes[12] == 127;
  return bytes[15] == 1 &&
         std::all_of(bytes.begin(), bytes.end() - 1, [](auto b) { return b == 0; });
}

bool IpAddress::is_group() const noexcept {
  if (is_v4()) return (bytes[12] & 0xf0U) == 0xe0U || v4_value() == 0xffff'ffffU;
  return bytes[0] == 0xff;
}

std::optional<IpAddress> parse_ip_address(std::string_view text) noexcept {
  std::uint32_t v4 = 0;
  if (parse_dotted(text, v4)) return IpAddress::v4(v4);
  if (text.find(':') == std::string_view::npos) return std::nullopt;
  if (const std::size_t scope = text.find('%'); scope != std::string_view::npos) {
    if (scope + 1 == text.size()) return std::nullopt;
    text = text.substr(0, scope);
  }
  IpAddress address;
  if (!parse_v6(text, address)) return std::nullopt;
  return address;
}

char* format_ip_address(const IpAddress& address, char* out) noexcept {
  if (address.is_v4()) {
    for (unsigned i = 12; i < 16; ++i) {
      const Octet& octet = kOctets[address.bytes[i]];
      std::memcpy(out, octet.text.data(), octet.text.size());
      out += octet.size;
    }
    return out - 1;
  }
  std::array<unsigned, 8> groups{};
  for (unsigned i = 0; i < 8; ++i) {
    groups[i] = static_cast<unsigned>(address.bytes[std::size_t{2} * i]) << 8 |
                address.bytes[std::size_t{2} * i + 1];
  }
  // RFC 5952, 4.2: the longest run of two or more zero groups, the first of equals.
  unsigned run_start = 8, run_length = 1;
  for (unsigned i = 0; i < 8;) {
    unsigned end = i;
    while (end < 8 && groups[end] == 0) ++end;
    if (end - i > run_length) {
      run_start = i;
      run_length = end - i;
    }
    i = end == i ? i + 1 : end;
  }
  for (unsigned i = 0; i < 8; ++i) {
    if (i == run_start) {
      *out++ = ':';
      *out++ = ':';
      i += run_length - 1;
      continue;
    }
    if (i > 0 && out[-1] != ':') *out++ = ':';
    out = std::to_chars(out, out + 4, groups[i], 16).ptr;
  }
  return out;
}

std::string format_ip_address(const IpAddress& address) {
  std::array<char, 40> buffer{};
  return {buffer.data(), format_ip_address(address, buffer.data())};
}

Result<IpRange> parse_ip_range(std::string_view text) {
  const auto fault = [] {
    return make_error(ErrorCode::kInvalidArgument,
                      "expected an address (10.0.0.1, fe80::1), a CIDR block (10.0.0.0/8) or a "
                      "range (10.0.0.1-10.0.0.9)");
  };
  if (const std::size_t slash = text.find('/'); slash != std::string_view::npos) {
    const auto address = parse_ip_address(text.substr(0, slash));
    const std::string_view length = text.substr(slash + 1);
    unsigned bits = 0;
    const auto [end, error] = std::from_chars(length.data(), length.data() + length.size(), bits);
    if (!address || error != std::errc{} || end != length.data() + length.size()) return fault();
    if (address->is_v4() && text.find(':') == std::string_view::npos) {
      if (bits > 32) return fault();
      bits += 96;
    }
    if (bits > 128) return fault();
    return block_of(*address, bits);
  }
  if (const std::size_t dash = text.find('-'); dash != std::string_view::npos) {
    const auto low = parse_ip_address(text.substr(0, dash));
    const auto high = parse_ip_address(text.substr(dash + 1));
    if (!low || !high || low->is_v4() != high->is_v4() || *low > *high) return fault();
    return IpRange{*low, *high};
  }
  const auto address = parse_ip_address(text);
  if (!address) return fault();
  return IpRange{*address, *address};
}

}  // namespace blockwatch
