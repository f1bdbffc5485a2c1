#include <bit>

#include "storage/run_index_internal.h"

namespace blockwatch {
namespace {

// std::popcount() calls a function per word, unless the compiler may use newer instructions.
constexpr unsigned ones(std::uint64_t word) {
  word -= word >> 1U & 0x5555555555555555U;  // sums of two bits each
  word = (word & 0x3333333333333333U) + (word >> 2U & 0x3333333333333333U);
  word = (word + (word >> 4U)) & 0x0f0f0f0f0f0f0f0fU;
  return static_cast<unsigned>(word * 0x0101010101010101U >> 56U);
}

}  // namespace

PositionSet::PositionSet(PositionSpan span, bool all)
    : span_(span), words_((span.size() + 63) / 64, all ? ~std::uint64_t{0} : 0) {
  if (all) clear_beyond();
}

void PositionSet::clear_beyond() {
  unsigned used = span_.size() & 63U;
  if (used != 0) words_.back() &= (std::uint64_t{1} << used) - 1;
}

void PositionSet::intersect(const PositionSet& other) {
  std::size_t from = span_.first - other.span_.first;
  std::size_t word = from >> 6U;
  unsigned shift = from & 63U;
  for (std::size_t i = 0; i < words_.size(); ++i, ++word) {
    std::uint64_t bits = other.words_[word] >> shift;
    if (shift != 0 && word + 1 < other.words_.size())
      bits |= other.words_[word + 1] << (64 - shift);
    words_[i] &= bits;
  }
}

void PositionSet::invert() {
  for (auto& word : words_) word = ~word;
  clear_beyond();
}

std::uint64_t PositionSet::count() const {
  std::uint64_t n = 0;
  for (auto word : words_) n += ones(word);
  return n;
}

std::uint64_t PositionSet::count(PositionSpan part) const {
  if (part.empty()) return 0;
  std::uint32_t from = part.first - span_.first;
  std::uint32_t last = part.end - 1 - span_.first;
  std::uint64_t n = 0;
  for (std::uint32_t word = from >> 6U; word <= last >> 6U; ++word) {
    std::uint64_t bits = words_[word];
    if (word == from >> 6U) bits &= ~std::uint64_t{0} << (from & 63U);
    if (word == last >> 6U) bits &= ~std::uint64_t{0} >> (63U - (last & 63U));
    n += ones(bits);
  }
  return n;
}

std::optional<std::uint32_t> PositionSet::at_or_above(std::uint32_t from) const {
  if (from >= span_.end) return std::nullopt;
  std::uint32_t at = from - span_.first;
  std::size_t word = at >> 6U;
  std::uint64_t bits = words_[word] & ~std::uint64_t{0} << (at & 63U);
  while (bits == 0) {
    if (++word == words_.size()) return std::nullopt;
    bits = words_[word];
  }
  return span_.first + static_cast<std::uint32_t>(word * 64) +
         static_cast<std::uint32_t>(std::countr_zero(bits));
}

std::optional<std::uint32_t> PositionSet::at_or_below(std::uint32_t from) const {
  if (span_.empty() || from < span_.first) return std::nullopt;
  std::uint32_t at = from - span_.first;
  std::size_t word = at >> 6U;
  std::uint64_t bits = words_[word] & ~std::uint64_t{0} >> (63U - (at & 63U));
  while (bits == 0) {
    if (word-- == 0) return std::nullopt;
    bits = words_[word];
  }
  return span_.first + static_cast<std::uint32_t>(word * 64) + 63U -
         static_cast<std::uint32_t>(std::countl_zero(bits));
}

}  // namespace blockwatch
