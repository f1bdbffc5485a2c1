#pragma once
// Comparing and hashing short texts without a call: every value of every event is compared.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <string_view>

namespace blockwatch {

template <class Word>
Word word_at(const char* bytes) {
  Word word;
  std::memcpy(&word, bytes, sizeof word);
  return word;
}

// x == y.
inline bool same_text(std::string_view x, std::string_view y) {
  if (x.size() != y.size()) return false;
  const std::size_t size = x.size();
  // The first and the last word of the text, which may overlap.
  const auto same_ends = [&]<class Word>(Word) {
    const std::size_t last = size - sizeof(Word);
    return word_at<Word>(x.data()) == word_at<Word>(y.data()) &&
           word_at<Word>(x.data() + last) == word_at<Word>(y.data() + last);
  };
  if (size > 16) return std::memcmp(x.data(), y.data(), size) == 0;
  if (size >= 8) return same_ends(std::uint64_t{});
  if (size >= 4) return same_ends(std::uint32_t{});
  if (size >= 2) return same_ends(std::uint16_t{});
  return size == 0 || x.front() == y.front();
}

// Random in each process. Logs are written by others: whoever knew the numbers could write texts
// that all have the same hash, and a table would become a list.
struct TextSeed {
  std::uint64_t start;
  std::uint64_t factor;  // odd
};
inline const TextSeed kTextSeed = [] {
  std::random_device random;
  const auto draw = [&random] { return std::uint64_t{random()} << 32U | random(); };
  return TextSeed{draw(), draw() | 1U};
}();

// For tables in memory; the same text has the same hash in one process only.
struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const noexcept {
    std::uint64_t hash = kTextSeed.start ^ text.size();
    // The first product alone would leave a difference in the highest bit of a word as it is, and
    // two words that make up for it could be found without the seed.
    const auto mix = [&](std::uint64_t word) {
      hash = (hash ^ word) * 0xff51afd7ed558ccdU;
      hash = (hash ^ hash >> 32U) * kTextSeed.factor;
      hash ^= hash >> 29U;
    };
    for (; text.size() > 8; text.remove_prefix(8)) mix(word_at<std::uint64_t>(text.data()));
    std::uint64_t rest = 0;
    text.copy(reinterpret_cast<char*>(&rest), sizeof rest);
    mix(rest);
    return static_cast<std::size_t>(hash);
  }
};

}  // namespace blockwatch
