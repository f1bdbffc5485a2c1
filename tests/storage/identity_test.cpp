// What counts as the same event, and keys for many events of one moment.

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <map>
#include <random>

#include "tests/storage/random_events.h"
#include "tests/storage/store_test_support.h"
#include "tests/support/temp_dir.h"

namespace blockwatch {
namespace {

class Identity : public testing::TestWithParam<std::uint32_t> {
 protected:
  void open() {
    reader_.reset();
    store_.reset();
    store_ = value_of(Store::open({folder_.path("events.db"), true, GetParam()}));
    reader_ = value_of(StoreReader::open(folder_.path("events.db")));
  }
  Identity() { open(); }

  AppendResult append(const EventBatch& batch) { return value_of(store_->append(batch)); }
  std::uint64_t count(const Filter& filter) {
    PageQuery query;
    query.filter = filter;
    query.count = true;
    return *value_of(reader_->page(query)).total;
  }

  TempDir folder_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<StoreReader> reader_;
};

TEST_P(Identity, TheSameOrAnOverlappingImportAddsOnlyWhatIsNew) {
  EXPECT_EQ(append(records(1, 100)).stored, 100U);
  AppendResult again = append(records(1, 100));
  EXPECT_EQ(again.stored, 0U);
  EXPECT_EQ(again.duplicate, 100U);
  EXPECT_EQ(again.newest_seq, 100U);
  open();
  AppendResult overlap = append(records(50, 150));
  EXPECT_EQ(overlap.stored, 50U);
  EXPECT_EQ(overlap.duplicate, 51U);
  EventBatch backwards = records(1, 160);
  std::reverse(backwards.list.events.begin(), backwards.list.events.end());
  EXPECT_EQ(append(backwards).stored, 10U);
  EXPECT_EQ(count({}), 160U);
}

TEST_P(Identity, EachPartOfTheIdentityTellsEventsApart) {
  Event base = sample_event(1);
  append(batch_of({base}));
  for (int part = 0; part < 5; ++part) {
    Event other = base;
    if (part == 0) other.host = "PC02";
    if (part == 1) other.channel = "ForwardedEvents";
    if (part == 2) other.record_id = 2;
    if (part == 3) other.time.ticks += 1;
    if (part == 4) other.event_id = 5152;
    EXPECT_EQ(append(batch_of({other})).stored, 1U) << part;
    EXPECT_EQ(append(batch_of({other})).duplicate, 1U) << part;
  }
}

TEST_P(Identity, HostAndChannelAreComparedWithoutCaseAndTheSourceNotAtAll) {
  append(batch_of({sample_event(1)}));
  Event other = sample_event(1);
  other.host = "pc01";
  other.channel = "SECURITY";
  other.source = "xml:export";
  other.remote_port = 80;
  EXPECT_EQ(append(batch_of({other})).duplicate, 1U);
}

TEST_P(Identity, EventsWithoutARecordIdAreComparedByEverythingElse) {
  RawField raw[] = {{"ProcessID", "4"}, {"Note", "a"}};
  RawField other_raw[] = {{"ProcessID", "4"}, {"Note", "b"}};
  Event base = sample_event(0);
  base.record_id.reset();
  base.raw = raw;
  EXPECT_EQ(append(batch_of({base, base})).duplicate, 1U);
  open();
  Event renamed = base;
  renamed.source = "jsonl:copy";
  EXPECT_EQ(append(batch_of({renamed})).duplicate, 1U);
  Event different = base;
  different.raw = other_raw;
  EXPECT_EQ(append(batch_of({different})).stored, 1U);
  different = base;
  different.local_port = 5;
  EXPECT_EQ(append(batch_of({different})).stored, 1U);
}

TEST_P(Identity, RandomEventsImportedTwiceAfterARestartAddNothing) {
  RandomEvents random(99);
  random.span_ticks = 400;
  EventBatch batch;
  batch.source = "evtx:a";
  for (int i = 0; i < 3000; ++i) random.add(batch.list, batch.source);
  AppendResult first = append(batch);
  EXPECT_GT(first.stored, 2900U);
  std::mt19937 shuffle(5);
  for (int round = 0; round < 3; ++round) {
    open();
    std::shuffle(batch.list.events.begin(), batch.list.events.end(), shuffle);
    AppendResult again = append(batch);
    EXPECT_EQ(again.stored, 0U);
    EXPECT_EQ(again.duplicate, 3000U);
  }
  EXPECT_EQ(count({}), first.stored);
}

TEST_P(Identity, ManyEventsOfOneTickKeepTheirExactTimeAndOrder) {
  constexpr std::uint64_t kMany = 12'000;
  std::vector<Event> events;
  for (std::uint64_t id = 1; id <= kMany; ++id) events.push_back(sample_event(id));
  events.push_back(sample_event(kMany + 1, 1));  // the next tick's slots are lent already
  for (std::size_t from = 0; from < events.size(); from += 1000) {
    auto end = events.begin() + static_cast<std::ptrdiff_t>(std::min(from + 1000, events.size()));
    append(batch_of({events.begin() + static_cast<std::ptrdiff_t>(from), end}));
  }
  open();
  EXPECT_EQ(append(batch_of(events)).duplicate, kMany + 1);

  Filter before;
  before.until = Timestamp{kSampleTime.ticks + 1};
  EXPECT_EQ(count(before), kMany);
  Filter after;
  after.since = Timestamp{kSampleTime.ticks + 1};
  EXPECT_EQ(count(after), 1U);
  before.since = kSampleTime;
  PageQuery query{before, Order::kOldestFirst, 1000, {}, false, false};
  std::uint64_t seq = 0;
  while (true) {
    Page page = value_of(reader_->page(query));
    for (const Event& event : page.list.events) {
      ASSERT_EQ(event.seq, ++seq);
      ASSERT_EQ(event.time, kSampleTime);
    }
    if (!page.next) break;
    query.cursor = page.next;
  }
  EXPECT_EQ(seq, kMany);
}

TEST_P(Identity, WhatRetentionLeftOfACrowdedTickIsStillComparedAndStaysInOrder) {
  std::vector<Event> events;
  for (std::uint64_t id = 1; id <= 600; ++id) events.push_back(sample_event(id));
  append(batch_of(events));
  ASSERT_EQ(value_of(store_->delete_oldest(300, kMaxTimestamp)), 300U);
  open();
  AppendResult again = append(batch_of(events));
  EXPECT_EQ(again.stored, 300U);
  EXPECT_EQ(again.duplicate, 300U);
  PageQuery query{{}, Order::kOldestFirst, 1000, {}, false, false};
  std::uint64_t seq = 300;
  for (const Event& event : value_of(reader_->page(query)).list.events) {
    ASSERT_EQ(event.seq, ++seq);
    ASSERT_EQ(event.time, kSampleTime);
  }
  EXPECT_EQ(seq, 900U);
}

TEST_P(Identity, CrowdedNeighboursUnderRetentionMatchAPlainList) {
  constexpr std::uint32_t kSeed = 2024;
  SCOPED_TRACE("seed " + std::to_string(kSeed));
  std::mt19937 random(kSeed);
  std::deque<std::pair<std::int64_t, std::uint64_t>> rows;  // tick and record, by seq
  for (int round = 0; round < 60; ++round) {
    if (random() % 4 == 0) open();
    if (random() % 2 == 0) {
      std::uint64_t gone = value_of(store_->delete_oldest(random() % 900, kMaxTimestamp));
      ASSERT_LE(gone, rows.size());
      rows.erase(rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(gone));
    }
    std::vector<Event> events;
    std::uint64_t stored = 0;
    std::int64_t tick = static_cast<std::int64_t>(random() % 4);
    for (std::uint64_t i = random() % 700; i > 0; --i) {
      std::pair row(tick + static_cast<std::int64_t>(random() % 2), std::uint64_t{random() % 900});
      events.push_back(sample_event(row.second, row.first));
      if (std::find(rows.begin(), rows.end(), row) != rows.end()) continue;
      rows.push_back(row);
      ++stored;
    }
    AppendResult result = append(batch_of(std::move(events)));
    ASSERT_EQ(result.stored, stored) << "round " << round;
    std::map<std::int64_t, std::uint64_t> seqs;  // by tick: the last one seen
    std::uint64_t read = 0;
    PageQuery query{{}, Order::kOldestFirst, 1000, {}, false, false};
    do {
      Page page = value_of(reader_->page(query));
      for (const Event& event : page.list.events) {
        std::uint64_t& before = seqs[event.time.ticks];
        ASSERT_GT(event.seq, before) << "round " << round;
        before = event.seq;
        ++read;
      }
      query.cursor = page.next;
    } while (query.cursor);
    ASSERT_EQ(read, rows.size());
  }
}

TEST_P(Identity, ACrowdedSecondIsNotQuadratic) {
  // 60,000 events of one tick in 60 batches; comparing each with each would be 1.8e9 steps.
  auto start = std::chrono::steady_clock::now();
  for (std::uint64_t batch = 0; batch < 60; ++batch) {
    std::vector<Event> events;
    for (std::uint64_t i = 0; i < 1000; ++i) events.push_back(sample_event(batch * 1000 + i));
    ASSERT_EQ(append(batch_of(std::move(events))).stored, 1000U);
  }
  auto spent = std::chrono::steady_clock::now() - start;
  EXPECT_LT(std::chrono::duration_cast<std::chrono::seconds>(spent).count(), 60);
  EXPECT_EQ(count({}), 60'000U);
}

TEST_P(Identity, EventsThatCannotBePlacedAreRefusedAndCountedAsDamaged) {
  Event early = sample_event(1);
  early.time.ticks = -1;
  Event late = sample_event(2);
  late.time = kMaxTimestamp;
  Event foreign = sample_event(3);
  foreign.event_id = 4624;
  AppendResult result = append(batch_of({early, late, foreign, sample_event(4)}));
  EXPECT_EQ(result.refused, 3U);
  EXPECT_EQ(result.stored, 1U);
  EXPECT_EQ(value_of(reader_->sources()).at(0).damaged, 3U);
}

INSTANTIATE_TEST_SUITE_P(RunRows, Identity, testing::Values(1U, 16U, 1024U));

}  // namespace
}  // namespace blockwatch
