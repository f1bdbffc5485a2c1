// What is remembered of answers is bounded.

#include "storage/answer_memo_internal.h"

#include <gtest/gtest.h>

namespace blockwatch {
namespace {

std::shared_ptr<Counted<BucketCounts>> buckets(std::int64_t count, std::uint32_t shapes) {
  auto counted = std::make_shared<Counted<BucketCounts>>();
  for (std::int64_t bucket = 0; bucket < count; ++bucket) {
    for (std::uint32_t shape = 1; shape <= shapes; ++shape) {
      counted->counts.buckets[bucket][shape] = 1;
    }
  }
  return counted;
}

TEST(AnswerMemo, KeepsNoAnswerOfManyCounts) {
  MemoTable<BucketCounts> table;
  table.keep({}, 1, buckets(1000, 200));
  EXPECT_EQ(table.find({}, 1), nullptr);
  table.keep({}, 1, buckets(1000, 20));
  EXPECT_NE(table.find({}, 1), nullptr);
}

TEST(AnswerMemo, ForgetsWhatWasUsedLongestAgo) {
  MemoTable<BucketCounts> table;
  for (std::int64_t what = 1; what <= 40; ++what) {
    table.keep({}, what, buckets(1000, 20));
    EXPECT_NE(table.find({}, 1), nullptr);
    EXPECT_NE(table.find({}, what), nullptr);
  }
  EXPECT_EQ(table.find({}, 2), nullptr);
  EXPECT_NE(table.find({}, 39), nullptr);
}

TEST(AnswerMemo, TellsFiltersAndQuestionsApart) {
  MemoTable<BucketCounts> table;
  Filter other;
  other.q = "a";
  auto first = buckets(1, 1);
  auto second = buckets(2, 1);
  table.keep({}, 1, first);
  table.keep(other, 1, second);
  EXPECT_EQ(table.find({}, 1), first);
  EXPECT_EQ(table.find(other, 1), second);
  EXPECT_EQ(table.find(other, 2), nullptr);
  table.keep(other, 1, first);
  EXPECT_EQ(table.find(other, 1), first);
}

}  // namespace
}  // namespace blockwatch
