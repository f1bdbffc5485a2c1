// Sets of positions against std::set.

#include <gtest/gtest.h>

#include <random>
#include <set>

#include "storage/run_index_internal.h"

namespace blockwatch {
namespace {

using Model = std::set<std::uint32_t>;

class PositionSets : public testing::Test {
 protected:
  std::uint32_t below(std::uint32_t n) { return static_cast<std::uint32_t>(random_() % n); }

  // Often at and beside whole words.
  PositionSpan span(std::uint32_t base) {
    std::uint32_t first = base + below(200);
    std::uint32_t size = below(4) == 0 ? 64 * below(6) : below(400);
    return {first, first + size};
  }

  Model fill(PositionSet& set) {
    Model model;
    PositionSpan span = set.span();
    if (span.empty()) return model;
    std::uint32_t members = below(3) == 0 ? below(4) : below(span.size() + 1);
    for (; members > 0; --members) {
      std::uint32_t at = span.first + below(span.size());
      set.add(at);
      model.insert(at);
    }
    return model;
  }

  static void expect_same(const PositionSet& set, const Model& model) {
    PositionSpan span = set.span();
    ASSERT_EQ(set.count(), model.size());
    for (std::uint32_t at = span.first; at < span.end; ++at) {
      ASSERT_EQ(set.has(at), model.count(at) != 0) << at;
      auto above = model.lower_bound(at);
      ASSERT_EQ(set.at_or_above(at), above == model.end() ? std::nullopt : std::optional(*above));
      auto after = model.upper_bound(at);
      ASSERT_EQ(set.at_or_below(at),
                after == model.begin() ? std::nullopt : std::optional(*std::prev(after)));
    }
    ASSERT_EQ(set.at_or_above(span.end), std::nullopt);
    if (span.first > 0) {
      ASSERT_EQ(set.at_or_below(span.first - 1), std::nullopt);
    }
  }

  std::mt19937_64 random_{20261121};
};

TEST_F(PositionSets, HoldWhatWasAddedAndNotRemoved) {
  for (int round = 0; round < 300; ++round) {
    PositionSet set(span(below(2) == 0 ? 0 : 4'000'000'000U), false);
    Model model = fill(set);
    expect_same(set, model);
    for (std::uint32_t n = below(20); n > 0 && !set.span().empty(); --n) {
      std::uint32_t at = set.span().first + below(set.span().size());
      set.remove(at);
      model.erase(at);
    }
    expect_same(set, model);
    if (HasFatalFailure()) return;
  }
}

TEST_F(PositionSets, AreFullOrInvertedWithinTheirSpanOnly) {
  for (int round = 0; round < 300; ++round) {
    PositionSpan where = span(below(1000));
    PositionSet all(where, true);
    Model everything;
    for (std::uint32_t at = where.first; at < where.end; ++at) everything.insert(at);
    expect_same(all, everything);
    PositionSet set(where, false);
    Model model = fill(set);
    set.invert();
    Model others;
    for (std::uint32_t at : everything) {
      if (model.count(at) == 0) others.insert(at);
    }
    expect_same(set, others);
    all.invert();
    expect_same(all, {});
    if (HasFatalFailure()) return;
  }
}

TEST_F(PositionSets, IntersectWithSetsOfWiderSpans) {
  for (int round = 0; round < 1000; ++round) {
    PositionSpan inner = span(300);
    PositionSpan outer{inner.first - below(300), inner.end + below(300)};
    PositionSet wide(outer, false);
    Model in_wide = fill(wide);
    PositionSet set(inner, false);
    Model model = fill(set);
    set.intersect(wide);
    Model both;
    for (std::uint32_t at : model) {
      if (in_wide.count(at) != 0) both.insert(at);
    }
    expect_same(set, both);
    if (HasFatalFailure()) return;
  }
}

TEST_F(PositionSets, CountPartsOfThemselves) {
  for (int round = 0; round < 1000; ++round) {
    PositionSet set(span(below(1000)), false);
    Model model = fill(set);
    std::uint32_t first = set.span().first + below(set.span().size() + 1);
    std::uint32_t end = first + below(set.span().end - first + 1);
    auto members = std::distance(model.lower_bound(first), model.lower_bound(end));
    ASSERT_EQ(set.count(PositionSpan{first, end}), static_cast<std::uint64_t>(members));
  }
}

TEST_F(PositionSets, OfNothingAreEmpty) {
  for (std::uint32_t first : {0U, 64U, 77U}) {
    PositionSet set(PositionSpan{first, first}, true);
    EXPECT_EQ(set.count(), 0U);
    set.invert();
    EXPECT_EQ(set.count(), 0U);
    EXPECT_EQ(set.count(set.span()), 0U);
    EXPECT_EQ(set.at_or_above(first), std::nullopt);
    EXPECT_EQ(set.at_or_below(first), std::nullopt);
  }
}

}  // namespace
}  // namespace blockwatch
