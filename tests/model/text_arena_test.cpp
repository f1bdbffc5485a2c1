#include "storage/text_arena.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace blockwatch {
namespace {

TEST(TextArenaTest, TextStaysInPlaceWhenTheArenaGrowsAndMoves) {
  TextArena arena;
  std::vector<std::string_view> views;
  for (int i = 0; i < 20'000; ++i) views.push_back(arena.copy("text " + std::to_string(i)));
  const std::string big(300'000, 'x');
  const std::string_view big_view = arena.copy(big);
  const TextArena moved = std::move(arena);
  for (int i = 0; i < 20'000; ++i) {
    ASSERT_EQ(views[static_cast<std::size_t>(i)], "text " + std::to_string(i));
  }
  EXPECT_EQ(big_view, big);
  EXPECT_GT(moved.size(), 300'000U);
}

TEST(TextArenaTest, ArraysAreAligned) {
  TextArena arena;
  arena.copy("x");
  const auto numbers = arena.array<std::uint64_t>(100);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(numbers.data()) % alignof(std::uint64_t), 0U);
  EXPECT_EQ(numbers.size(), 100U);
  EXPECT_TRUE(arena.array<int>(0).empty());
}

TEST(TextArenaTest, ShrinkGivesTheEndBack) {
  TextArena arena;
  char* const first = arena.allocate(100, 1);
  arena.shrink(90);
  EXPECT_EQ(arena.allocate(1, 1), first + 10);
  EXPECT_EQ(arena.size(), 11U);
}

TEST(TextArenaTest, AbsorbKeepsBothTexts) {
  TextArena a;
  TextArena b;
  const std::string_view in_a = a.copy("of a");
  const std::string_view in_b = b.copy("of b");
  a.absorb(std::move(b));
  const std::string_view later = a.copy("later");
  EXPECT_EQ(in_a, "of a");
  EXPECT_EQ(in_b, "of b");
  EXPECT_EQ(later, "later");
  EXPECT_EQ(a.size(), 13U);
}

}  // namespace
}  // namespace blockwatch
