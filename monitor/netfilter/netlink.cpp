#include "monitor/netfilter/netlink.h"

#include <algorithm>
#include <cstring>

namespace blockwatch::netlink {
namespace {

constexpr std::size_t kMessageHeader = 16;
constexpr std::size_t kAttributeHeader = 4;
constexpr std::uint16_t kTypeMask = 0x3fff;
constexpr std::uint16_t kNested = 0x8000;

constexpr std::size_t aligned(std::size_t size) { return (size + 3) & ~std::size_t{3}; }

template <class Int>
Int in_host_order(Bytes bytes, std::size_t at) {
  Int value{};
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

template <class Int>
std::optional<Int> in_network_order(Bytes bytes) {
  if (bytes.size() < sizeof(Int)) return std::nullopt;
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < sizeof(Int); ++i) value = value << 8 | bytes[i];
  return static_cast<Int>(value);
}

template <class Int>
void put_host(std::string& out, std::size_t at, Int value) {
  std::memcpy(out.data() + at, &value, sizeof value);
}

}  // namespace

std::optional<Bytes> Reader::take(std::size_t length, std::size_t header) {
  if (length < header || length > rest_.size()) {
    damaged_ = true;
    rest_ = {};
    return std::nullopt;
  }
  const Bytes whole = rest_.first(length);
  rest_ = rest_.subspan(std::min(aligned(length), rest_.size()));
  return whole.subspan(header);
}

std::optional<Message> Reader::message() {
  if (rest_.empty()) return std::nullopt;
  if (rest_.size() < kMessageHeader) {
    (void)take(0, kMessageHeader);
    return std::nullopt;
  }
  Message made{.type = in_host_order<std::uint16_t>(rest_, 4),
               .flags = in_host_order<std::uint16_t>(rest_, 6),
               .sequence = in_host_order<std::uint32_t>(rest_, 8)};
  const auto payload = take(in_host_order<std::uint32_t>(rest_, 0), kMessageHeader);
  if (!payload) return std::nullopt;
  made.payload = *payload;
  return made;
}

std::optional<Attribute> Reader::attribute() {
  if (rest_.empty()) return std::nullopt;
  if (rest_.size() < kAttributeHeader) {
    (void)take(0, kAttributeHeader);
    return std::nullopt;
  }
  const auto type = in_host_order<std::uint16_t>(rest_, 2);
  const auto payload = take(in_host_order<std::uint16_t>(rest_, 0), kAttributeHeader);
  if (!payload) return std::nullopt;
  return Attribute{static_cast<std::uint16_t>(type & kTypeMask), *payload};
}

std::optional<std::uint16_t> be16(Bytes bytes) { return in_network_order<std::uint16_t>(bytes); }
std::optional<std::uint32_t> be32(Bytes bytes) { return in_network_order<std::uint32_t>(bytes); }
std::optional<std::uint64_t> be64(Bytes bytes) { return in_network_order<std::uint64_t>(bytes); }

std::optional<std::uint32_t> host32(Bytes bytes) {
  if (bytes.size() < sizeof(std::uint32_t)) return std::nullopt;
  return in_host_order<std::uint32_t>(bytes, 0);
}

std::string_view text(Bytes bytes) {
  const auto end = std::find(bytes.begin(), bytes.end(), std::uint8_t{0});
  return {reinterpret_cast<const char*>(bytes.data()),
          static_cast<std::size_t>(end - bytes.begin())};
}

Writer::Writer(std::uint16_t type, std::uint16_t flags, std::uint32_t sequence)
    : out_(kMessageHeader, '\0') {
  put_host(out_, 4, type);
  put_host(out_, 6, flags);
  put_host(out_, 8, sequence);
}

Writer& Writer::raw(std::string_view value) {
  out_ += value;
  out_.resize(aligned(out_.size()));
  return *this;
}

Writer& Writer::netfilter(std::uint8_t family, std::uint16_t id) {
  const char header[] = {static_cast<char>(family), 0, static_cast<char>(id >> 8),
                         static_cast<char>(id & 0xff)};
  return raw({header, sizeof header});
}

Writer& Writer::bytes(std::uint16_t attribute, std::string_view value) {
  const std::size_t at = out_.size();
  out_.resize(at + kAttributeHeader);
  put_host(out_, at, static_cast<std::uint16_t>(kAttributeHeader + value.size()));
  put_host(out_, at + 2, attribute);
  return raw(value);
}

Writer& Writer::number(std::uint16_t attribute, std::uint64_t value, int size) {
  char big_endian[sizeof value];
  for (int i = size - 1; i >= 0; --i, value >>= 8) {
    big_endian[i] = static_cast<char>(value & 0xff);
  }
  return bytes(attribute, {big_endian, static_cast<std::size_t>(size)});
}

Writer& Writer::u8(std::uint16_t attribute, std::uint8_t value) {
  return number(attribute, value, 1);
}
Writer& Writer::be16(std::uint16_t attribute, std::uint16_t value) {
  return number(attribute, value, 2);
}
Writer& Writer::be32(std::uint16_t attribute, std::uint32_t value) {
  return number(attribute, value, 4);
}
Writer& Writer::be64(std::uint16_t attribute, std::uint64_t value) {
  return number(attribute, value, 8);
}

Writer& Writer::begin(std::uint16_t attribute) {
  open_.push_back(out_.size());
  return bytes(static_cast<std::uint16_t>(attribute | kNested), {});
}

Writer& Writer::end() {
  const std::size_t at = open_.back();
  open_.pop_back();
  put_host(out_, at, static_cast<std::uint16_t>(out_.size() - at));
  return *this;
}

std::string Writer::finish() {
  put_host(out_, 0, static_cast<std::uint32_t>(out_.size()));
  return std::move(out_);
}

}  // namespace blockwatch::netlink
