#pragma once
// SipHash-1-3 (Aumasson, Bernstein) with a key of its own: whoever sends packets cannot choose them
// so that they fall into one bucket.

#include <array>
#include <bit>
#include <cstdint>
#include <random>
#include <string_view>

namespace blockwatch {

class SipHash {
 public:
  using is_transparent = void;

  SipHash() {
    std::random_device random;
    for (auto& part : key_) part = std::uint64_t{random()} << 32 | random();
  }

  std::size_t operator()(std::string_view bytes) const {
    State s{key_[0] ^ 0x736f6d6570736575U, key_[1] ^ 0x646f72616e646f6dU,
            key_[0] ^ 0x6c7967656e657261U, key_[1] ^ 0x7465646279746573U};
    std::uint64_t last = std::uint64_t{bytes.size()} << 56;
    for (; bytes.size() >= 8; bytes.remove_prefix(8)) s.take(word(bytes.substr(0, 8)));
    s.take(last | word(bytes));
    s.v2 ^= 0xff;
    for (int i = 0; i < 3; ++i) s.round();
    return static_cast<std::size_t>(s.v0 ^ s.v1 ^ s.v2 ^ s.v3);
  }

 private:
  struct State {
    std::uint64_t v0, v1, v2, v3;

    void take(std::uint64_t word) {
      v3 ^= word;
      round();
      v0 ^= word;
    }
    void round() {
      v0 += v1;
      v2 += v3;
      v1 = std::rotl(v1, 13) ^ v0;
      v3 = std::rotl(v3, 16) ^ v2;
      v0 = std::rotl(v0, 32);
      v2 += v1;
      v0 += v3;
      v1 = std::rotl(v1, 17) ^ v2;
      v3 = std::rotl(v3, 21) ^ v0;
      v2 = std::rotl(v2, 32);
    }
  };

  static std::uint64_t word(std::string_view bytes) {
    std::uint64_t value = 0;
    for (std::size_t i = bytes.size(); i > 0; --i) {
      value = value << 8 | static_cast<std::uint8_t>(bytes[i - 1]);
    }
    return value;
  }

  std::array<std::uint64_t, 2> key_{};
};

}  // namespace blockwatch
