#pragma once
// Bounded, little-endian reading: every byte of a log passes through here before it means anything.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace blockwatch::evtx {

// Unchecked; the caller has made sure that the bytes are there.
template <class Int>
Int load(const std::uint8_t* p) noexcept {
  Int n = 0;
  if constexpr (std::endian::native == std::endian::little) {
    std::memcpy(&n, p, sizeof n);
  } else {
    for (std::size_t i = sizeof n; i > 0; --i) n = static_cast<Int>(n << 8 | p[i - 1]);
  }
  return n;
}
inline std::uint16_t load_u16(const std::uint8_t* p) noexcept { return load<std::uint16_t>(p); }
inline std::uint32_t load_u32(const std::uint8_t* p) noexcept { return load<std::uint32_t>(p); }
inline std::uint64_t load_u64(const std::uint8_t* p) noexcept { return load<std::uint64_t>(p); }

// A view of bytes that outlive it. Offsets are 32-bit because nothing in a log is addressed further
// than its 64 KiB chunk reaches; `has` never overflows.
class Bytes {
 public:
  Bytes() = default;
  Bytes(const std::uint8_t* data, std::uint32_t size) : data_(data), size_(size) {}

  bool has(std::uint32_t at, std::uint32_t n) const noexcept {
    return at <= size_ && n <= size_ - at;
  }
  const std::uint8_t* at(std::uint32_t offset) const noexcept { return data_ + offset; }
  std::uint32_t size() const noexcept { return size_; }

  // Require has(at, width).
  std::uint8_t u8(std::uint32_t at) const noexcept { return data_[at]; }
  std::uint16_t u16(std::uint32_t at) const noexcept { return load_u16(data_ + at); }
  std::uint32_t u32(std::uint32_t at) const noexcept { return load_u32(data_ + at); }
  std::uint64_t u64(std::uint32_t at) const noexcept { return load_u64(data_ + at); }

  // The same view cut off at `end`; requires end <= size().
  Bytes first(std::uint32_t end) const noexcept { return {data_, end}; }

 private:
  const std::uint8_t* data_ = nullptr;
  std::uint32_t size_ = 0;
};

}  // namespace blockwatch::evtx
