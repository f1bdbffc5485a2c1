// One run that is large enough for what only large runs do - to begin with the rarest condition, to
// test rows instead of reading lists, to seek where a bucket begins - against matches().

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>

#include "storage/event_store.h"
#include "storage/words.h"
#include "tests/storage/random_events.h"
#include "tests/storage/store_test_support.h"
#include "tests/support/temp_dir.h"

namespace blockwatch {
namespace {

constexpr std::uint64_t kSeed = 20261122;
constexpr std::uint64_t kEvents = 70'000;
constexpr std::int64_t kMinute = 60 * Timestamp::kTicksPerSecond;

using Counts = std::map<std::optional<std::string>, std::uint64_t>;

// True: the events came in order of time.
class BigRun : public testing::TestWithParam<bool> {
 protected:
  BigRun() {
    EventBatch batch;
    batch.source = "evtx:a";
    for (std::uint64_t i = 0; i < kEvents; ++i) {
      Event& event = random_.add(batch.list, batch.source);
      auto step = random_.span_ticks / static_cast<std::int64_t>(kEvents);
      if (GetParam()) event.time.ticks = random_.start.ticks + static_cast<std::int64_t>(i) * step;
      event.seq = i + 1;
    }
    auto store =
        value_of(Store::open({folder_.path("events.db"), true, std::uint32_t{kEvents / 2}}));
    EXPECT_EQ(value_of(store->append(batch)).stored, kEvents);
    events_ = std::move(batch.list);
    reader_ = value_of(StoreReader::open(folder_.path("events.db")));
  }

  Filter filter() {
    Filter filter = random_.filter();
    if (random_.one_in(2)) {
      constexpr std::array<std::uint64_t, 3> widths{10, 400, kEvents};
      std::uint64_t low = random_.below(kEvents);
      NumberRange range{low, low + widths[random_.below(3)]};
      filter.record_id = {};
      (random_.one_in(4) ? filter.record_id.none : filter.record_id.any) = {range};
    }
    if (random_.one_in(2)) filter.direction.any = {Direction::kInbound};
    return filter;
  }

  std::vector<const Event*> expected(const Filter& filter) {
    std::vector<const Event*> found;
    for (const Event& event : events_.events) {
      if (matches(filter, event)) found.push_back(&event);
    }
    std::sort(found.begin(), found.end(), [](const Event* x, const Event* y) {
      return x->time != y->time ? x->time < y->time : x->seq < y->seq;
    });
    return found;
  }

  void expect_pages(const Filter& filter, std::vector<const Event*> want, Order order) {
    if (order == Order::kNewestFirst) std::reverse(want.begin(), want.end());
    PageQuery query{filter, order, 150, {}, true, false};
    std::size_t at = 0;
    for (int pages = 0; pages < 3; ++pages) {
      Page page = value_of(reader_->page(query));
      if (query.count) {
        ASSERT_EQ(page.total, want.size());
      }
      query.count = false;
      for (const Event& event : page.list.events) {
        ASSERT_LT(at, want.size());
        ASSERT_EQ(event.seq, want[at++]->seq);
      }
      query.cursor = page.next;
      if (!page.next) break;
    }
    ASSERT_TRUE(query.cursor || at == want.size());
  }

  void expect_counts(const Filter& filter, const std::vector<const Event*>& want,
                     std::int64_t bucket_ticks) {
    std::map<std::int64_t, Counts> buckets;
    Counts processes;
    for (const Event* event : want) {
      std::int64_t start = event->time.ticks / bucket_ticks * bucket_ticks;
      ++buckets[start][std::string(to_word(action_of(event->event_id)))];
      auto process = event->process_id;
      ++processes[process ? std::optional(std::to_string(*process)) : std::nullopt];
    }
    std::map<std::int64_t, Counts> got;
    for (const auto& point :
         value_of(reader_->timeline({filter, bucket_ticks, TimelineBy::kAction}))) {
      for (const auto& count : point.counts) got[point.start.ticks][count.value] = count.count;
    }
    ASSERT_EQ(got, buckets);
    Top top = value_of(reader_->top({filter, TopField::kProcessId, kMaxPageSize}));
    ASSERT_EQ(top.total, want.size());
    Counts listed;
    for (const ValueCount& value : top.values) listed[value.value] = value.count;
    ASSERT_EQ(listed, processes);
  }

  RandomEvents random_{kSeed + (GetParam() ? 1U : 0U)};
  TempDir folder_;
  EventList events_;
  std::unique_ptr<StoreReader> reader_;
};

TEST_P(BigRun, AnswersEveryQuestionAsAPlainListDoes) {
  constexpr std::array buckets{kMinute, 60 * kMinute, 1440 * kMinute};
  for (int round = 0; round < 60; ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    Filter asked = filter();
    auto want = expected(asked);
    expect_pages(asked, want, round % 2 == 0 ? Order::kNewestFirst : Order::kOldestFirst);
    expect_counts(asked, want, buckets[static_cast<std::size_t>(round) % 3]);
    if (HasFatalFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(InOrder, BigRun, testing::Bool());

}  // namespace
}  // namespace blockwatch
