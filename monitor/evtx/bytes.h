#pragma once
// Bounded, little-endian reading: every byte of a log passes through here before it means anything.

#include <cstddef>
#include <cstdint>

namespace blockwatch::evtx {

// Unchecked; the caller has made sure that the bytes are there. Compilers make one load of each.
inline std::uint16_t load_u16(const std::uint8_t* p) noexcept {
  return static_cast<std::uint16_t>(p[0] | p[1] << 8);
}
inline std::uint32_t load_u32(const std::uint8_t* p) noexcept {
  return static_cast<std::uint32_t>(p[0]) | static_cast<std::uint32_t>(p[1]) << 8 |
         static_cast<std::uint32_t>(p[2]) << 16 | static_cast<std::uint32_t>(p[3]) << 24;
}
inline std::uint64_t load_u64(const std::uint8_t* p) noexcept {
  return load_u32(p) | static_cast<std::uint64_t>(load_u32(p + 4)) << 32;
}

inline void store_u32(std::uint32_t n, char* p) noexcept {
  p[0] = static_cast<char>(n);
  p[1] = static_cast<char>(n >> 8);
  p[2] = static_cast<char>(n >> 16);
  p[3] = static_cast<char>(n >> 24);
}

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
