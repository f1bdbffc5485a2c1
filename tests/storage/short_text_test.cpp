// Short texts are compared byte for byte, and work on another thread ends as it would on this one.

#include "storage/short_text.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "storage/alongside.h"
#include "storage/count_map.h"

namespace blockwatch {
namespace {

TEST(ShortText, IsTheSameWhenEveryByteIs) {
  for (std::size_t size = 0; size < 40; ++size) {
    const std::string text(size, 'x');
    std::string other = text;
    EXPECT_TRUE(same_text(text, other));
    EXPECT_EQ(TextHash{}(text), TextHash{}(other));
    EXPECT_FALSE(same_text(text, other + 'x'));
    EXPECT_FALSE(same_text(other + 'x', text));
    for (std::size_t at = 0; at < size; ++at) {
      other[at] = 'y';
      EXPECT_FALSE(same_text(text, other)) << size << ' ' << at;
      EXPECT_NE(TextHash{}(text), TextHash{}(other)) << size << ' ' << at;
      other[at] = 'x';
    }
  }
  EXPECT_TRUE(same_text({}, ""));
}

// Words that have the same hash under the constant alone, whatever it is started with: a change of
// the highest bit passes a product unchanged, and the next word takes it back.
TEST(ShortText, HasNoCollisionsThatAreKnownBeforehand) {
  const auto with = [](std::uint64_t first, std::uint64_t second) {
    std::string text(16, '\0');
    std::memcpy(text.data(), &first, 8);
    std::memcpy(text.data() + 8, &second, 8);
    return text;
  };
  constexpr std::uint64_t kTop = std::uint64_t{1} << 63U;
  std::set<std::size_t> hashes;
  std::uint64_t texts = 0;
  for (std::uint64_t first = 1; first <= 1000; ++first) {
    for (std::uint64_t undo = 0; undo < 64; ++undo) {
      const std::uint64_t second = kTop | std::uint64_t{1} << undo;
      hashes.insert(TextHash{}(with(first, 0)));
      hashes.insert(TextHash{}(with(first ^ kTop, second)));
      texts += undo == 0 ? 2 : 1;
    }
  }
  EXPECT_EQ(hashes.size(), texts);
}

TEST(ShortText, SpreadsSimilarTexts) {
  constexpr std::size_t kBuckets = 1 << 12;
  std::vector<unsigned> low(kBuckets);
  std::vector<unsigned> high(kBuckets);
  for (unsigned i = 0; i < 16 * kBuckets; ++i) {
    const std::size_t hash = TextHash{}("host-" + std::to_string(i) + ".example.test");
    ++low[hash % kBuckets];
    ++high[(hash >> 40U) % kBuckets];
  }
  // 16 on average; a fair hash has above 45 in less than one table of a million.
  EXPECT_LT(*std::ranges::max_element(low), 45U);
  EXPECT_LT(*std::ranges::max_element(high), 45U);
}

// Addresses that whoever knew the factor (a usual one) could send packets from.
TEST(CountMap, StaysATableWhateverNumbersComeIn) {
  constexpr std::uint64_t kGuess = 0x9e3779b97f4a7c15U;
  std::vector<std::int64_t> numbers;
  for (std::uint64_t prefix = 0; numbers.size() < 200'000; ++prefix) {
    const std::uint64_t hash = prefix * kGuess;
    if (((hash ^ hash >> 32U) & 0x1fffU) != 0) continue;
    for (std::uint64_t i = 0; i < 8; ++i) {
      numbers.push_back(static_cast<std::int64_t>(prefix << 3U | i));
    }
  }
  const auto start = std::chrono::steady_clock::now();
  CountMap counts;
  for (int round = 0; round < 2; ++round) {
    for (const std::int64_t number : numbers) counts.add(number, 1);
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(1));
  EXPECT_EQ(counts.size(), numbers.size());
}

TEST(Alongside, IsDoneWhenItIsFinished) {
  int done = 0;
  Alongside work([&] { done = 1; });
  work.finish();
  EXPECT_EQ(done, 1);
}

TEST(Alongside, ThrowsWhatTheWorkThrew) {
  Alongside work([] { throw std::runtime_error("no room"); });
  EXPECT_THROW(work.finish(), std::runtime_error);
}

TEST(Alongside, IsWaitedForWhenNobodyAsksForItsEnd) {
  int done = 0;
  {
    Alongside work([&] { done = 1; });
  }
  EXPECT_EQ(done, 1);
}

}  // namespace
}  // namespace blockwatch
