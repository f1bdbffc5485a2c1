#include "monitor/winlog/quick_address.h"

#include <bit>
#include <cstdint>
#include <cstring>

namespace blockwatch::winlog {

namespace {

constexpr std::size_t kWord = 8;

std::uint64_t load(const char* text) noexcept {
  std::uint64_t characters = 0;
  std::memcpy(&characters, text, sizeof characters);
  return characters;
}

// The highest bit of each byte that is a dot.
constexpr std::uint64_t dots(std::uint64_t characters) noexcept {
  constexpr std::uint64_t kLow = 0x7F7F'7F7F'7F7F'7F7F;
  const std::uint64_t others = characters ^ 0x2E2E'2E2E'2E2E'2E2E;
  return ~(((others & kLow) + kLow) | others | kLow);
}

// The lower half for `a`, the upper one for `b`.
constexpr std::uint64_t pair(std::uint32_t a, std::uint32_t b) noexcept {
  return a | std::uint64_t{b} << 32;
}

// The two numbers that end with the highest byte of each half and have this many digits; what is no
// such number makes `bad` other than zero.
inline std::uint64_t numbers(std::uint64_t characters, unsigned digits_a, unsigned digits_b,
                             std::uint64_t& bad) noexcept {
  constexpr std::uint32_t kBytes[] = {0, 0xFF00'0000, 0xFFFF'0000, 0xFFFF'FF00};
  constexpr std::uint32_t kLeast[] = {0, 0, 10, 100};  // no leading zeros
  const std::uint64_t digits =
      (characters ^ 0x3030'3030'3030'3030) & pair(kBytes[digits_a], kBytes[digits_b]);
  bad |= ((digits + 0x7676'7676'7676'7676) | digits) & 0x8080'8080'8080'8080;
  constexpr std::uint64_t kByte = pair(0xFF, 0xFF);
  const std::uint64_t n =
      (digits >> 8 & kByte) * 100 + (digits >> 16 & kByte) * 10 + (digits >> 24 & kByte);
  bad |= n & ~kByte;
  constexpr std::uint64_t kBorrow = pair(0x8000'0000, 0x8000'0000);
  bad |= ~((n | kBorrow) - pair(kLeast[digits_a], kLeast[digits_b])) & kBorrow;
  return n;
}

// How long the numbers are changes from text to text, and a wrong guess of the processor costs more
// than all of this: there is no branch that depends on it. False: not read, whatever it is.
bool read_dotted(std::string_view text, std::optional<IpAddress>& address) noexcept {
  constexpr std::size_t kMaxDotted = 15;
  if (std::endian::native != std::endian::little || text.size() < kWord || text.size() > kMaxDotted)
    return false;
  // Two numbers begin in the first eight characters, and two end in the last eight.
  const std::uint64_t first = load(text.data());
  const std::uint64_t last = load(text.data() + text.size() - kWord);
  const std::uint64_t first_dots = dots(first);
  const std::uint64_t last_dots = dots(last);
  // The digits of the numbers a.b.c.d.
  const auto bytes = [](int bits) { return static_cast<unsigned>(bits) / 8; };
  const unsigned a = bytes(std::countr_zero(first_dots));
  const unsigned b = bytes(std::countr_zero(first_dots & (first_dots - 1))) - a - 1;
  const unsigned d = bytes(std::countl_zero(last_dots));
  const unsigned c = bytes(std::countl_zero(last_dots << (8 * d & 63) << 8));
  const auto wrong = [](unsigned digits) { return digits - 1 > 2; };
  if (wrong(a) || wrong(b) || wrong(c) || wrong(d) || a + b + c + d + 3 != text.size())
    return false;

  const auto end = [](std::uint64_t word) { return static_cast<std::uint32_t>(word >> 32); };
  std::uint64_t bad = 0;
  const std::uint64_t ab = numbers(
      pair(end(first << (8 * (kWord - a))), end(first << (8 * (kWord - a - 1 - b)))), a, b, bad);
  const std::uint64_t cd = numbers(pair(end(last << (8 * (d + 1))), end(last)), c, d, bad);
  if (bad != 0) return false;
  const auto byte = [](std::uint64_t n) { return static_cast<std::uint8_t>(n); };
  const std::uint8_t mapped[] = {0xFF, 0xFF, byte(ab), byte(ab >> 32), byte(cd), byte(cd >> 32)};
  IpAddress& made = address.emplace();
  std::memcpy(made.bytes.data() + made.bytes.size() - sizeof mapped, mapped, sizeof mapped);
  return true;
}

}  // namespace

void read_address(std::string_view text, std::optional<IpAddress>& address) noexcept {
  if (!read_dotted(text, address)) address = parse_ip_address(text);
}

}  // namespace blockwatch::winlog
