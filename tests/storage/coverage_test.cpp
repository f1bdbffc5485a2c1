#include <SQLiteCpp/SQLiteCpp.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/event_store.h"
#include "tests/storage/store_test_support.h"
#include "tests/support/temp_dir.h"

namespace blockwatch {
namespace {

using testing::ElementsAre;
using testing::Field;

Timestamp after(std::int64_t seconds) {
  return {kSampleTime.ticks + seconds * Timestamp::kTicksPerSecond};
}

CoverageFact fact(CoverageKind kind, std::int64_t start, std::optional<std::int64_t> end) {
  CoverageFact f;
  f.kind = kind;
  f.start = after(start);
  if (end) f.end = after(*end);
  return f;
}

CoverageFact end_of(CoverageKind kind, std::int64_t end) {
  CoverageFact f = fact(kind, end, end);
  f.ends_open = true;
  return f;
}

class CoverageTest : public testing::Test {
 protected:
  void append(EventBatch batch, std::vector<CoverageFact> facts) {
    batch.facts = std::move(facts);
    value_of(store_->append(batch));
  }
  Coverage coverage(const CoverageQuery& query = {}) { return value_of(reader_->coverage(query)); }

  TempDir dir_;
  std::unique_ptr<Store> store_ = value_of(Store::open({.path = dir_.path("store.db")}));
  std::unique_ptr<StoreReader> reader_ = value_of(StoreReader::open(dir_.path("store.db")));
};

TEST_F(CoverageTest, KeepsAllOfAFact) {
  CoverageFact hole = fact(CoverageKind::kRecordsMissing, 10, 20);
  hole.first_record_id = 100;
  hole.last_record_id = 109;
  hole.missing_records = 10;
  hole.detail = "overwritten";
  append(records(1, 3), {hole});
  const auto facts = coverage().facts;
  ASSERT_EQ(facts.size(), 1U);
  EXPECT_EQ(facts[0].source, "evtx:a");
  EXPECT_EQ(facts[0].kind, CoverageKind::kRecordsMissing);
  EXPECT_EQ(facts[0].start, after(10));
  EXPECT_EQ(facts[0].end, after(20));
  EXPECT_EQ(facts[0].first_record_id, 100U);
  EXPECT_EQ(facts[0].last_record_id, 109U);
  EXPECT_EQ(facts[0].missing_records, 10U);
  EXPECT_EQ(facts[0].detail, "overwritten");
  EXPECT_EQ(facts[0].before_seq, 1U);
}

TEST_F(CoverageTest, ARepeatedFactIsOne) {
  const CoverageFact cleared = fact(CoverageKind::kLogCleared, 5, 5);
  append(records(1, 1), {cleared});
  append(records(2, 2), {cleared});
  EXPECT_THAT(coverage().facts, ElementsAre(Field(&CoverageFact::before_seq, 1U)));
}

TEST_F(CoverageTest, AFactThatWentOnIsLonger) {
  append({.source = "evtx:a"}, {fact(CoverageKind::kRecordsMissing, 5, 7)});
  append({.source = "evtx:a"}, {fact(CoverageKind::kRecordsMissing, 5, 9)});
  append({.source = "evtx:a"}, {fact(CoverageKind::kRecordsMissing, 5, 8)});
  ASSERT_EQ(coverage().facts.size(), 1U);
  EXPECT_EQ(coverage().facts[0].end, after(9));
}

TEST_F(CoverageTest, HolesOfOtherRecordsAreOtherFacts) {
  CoverageFact hole = fact(CoverageKind::kRecordsMissing, 5, 7);
  hole.first_record_id = 35;
  append({.source = "evtx:a"}, {hole});
  hole.first_record_id = 81;
  append({.source = "evtx:a"}, {hole});
  EXPECT_EQ(coverage().facts.size(), 2U);
}

TEST_F(CoverageTest, WhatIsOpenIsBegunOnceAndEndsOnce) {
  append({.source = "evtx:a"}, {fact(CoverageKind::kSourceDown, 5, {})});
  append({.source = "evtx:a"}, {fact(CoverageKind::kSourceDown, 6, {})});
  ASSERT_EQ(coverage().facts.size(), 1U);
  EXPECT_FALSE(coverage().facts[0].end);

  append({.source = "evtx:b"}, {end_of(CoverageKind::kSourceDown, 7)});
  append({.source = "evtx:a"}, {end_of(CoverageKind::kLogFull, 7)});
  EXPECT_FALSE(coverage().facts[0].end) << "of another source or kind";

  append({.source = "evtx:a"}, {end_of(CoverageKind::kSourceDown, 9)});
  append({.source = "evtx:a"}, {end_of(CoverageKind::kSourceDown, 11)});
  EXPECT_EQ(coverage().facts.at(0).end, after(9));
}

TEST_F(CoverageTest, WhatBeginsAgainAtTheSameTimeIsOpenAgain) {
  append({.source = "evtx:a"}, {fact(CoverageKind::kSourceDown, 5, {})});
  append({.source = "evtx:a"}, {end_of(CoverageKind::kSourceDown, 7)});
  append({.source = "evtx:a"}, {fact(CoverageKind::kSourceDown, 5, {})});
  ASSERT_EQ(coverage().facts.size(), 1U);
  EXPECT_FALSE(coverage().facts[0].end);
  append({.source = "evtx:a"}, {end_of(CoverageKind::kSourceDown, 9)});
  EXPECT_EQ(coverage().facts.at(0).end, after(9));
}

// Records that are read again end nothing that began after them.
TEST_F(CoverageTest, AnEndBeforeTheBeginIsAnothers) {
  append({.source = "evtx:a"},
         {fact(CoverageKind::kLogFull, 5, {}), end_of(CoverageKind::kLogFull, 3)});
  EXPECT_FALSE(coverage().facts.at(0).end);
}

TEST_F(CoverageTest, AnswersWhatTouchesTheTimeAskedFor) {
  append({.source = "evtx:a"},
         {fact(CoverageKind::kLogCleared, 10, 10), fact(CoverageKind::kRecordsMissing, 20, 30),
          fact(CoverageKind::kLogFull, 40, {})});
  const auto starts = [&](std::int64_t since, std::int64_t until) {
    std::vector<std::int64_t> all;
    for (const auto& f : coverage({after(since), after(until)}).facts) {
      all.push_back((f.start.ticks - kSampleTime.ticks) / Timestamp::kTicksPerSecond);
    }
    return all;
  };
  EXPECT_THAT(starts(0, 100), ElementsAre(40, 20, 10));
  EXPECT_THAT(starts(10, 20), ElementsAre(10));
  EXPECT_THAT(starts(11, 21), ElementsAre(20));
  EXPECT_THAT(starts(30, 40), ElementsAre(20));
  EXPECT_THAT(starts(31, 41), ElementsAre(40));
  EXPECT_THAT(starts(90, 100), ElementsAre(40));
}

TEST_F(CoverageTest, TellsWhenTheLimitCutSomethingOff) {
  append({.source = "evtx:a"},
         {fact(CoverageKind::kLogCleared, 1, 1), fact(CoverageKind::kLogCleared, 2, 2)});
  EXPECT_TRUE(coverage({.limit = 1}).more);
  EXPECT_EQ(coverage({.limit = 1}).facts.at(0).start, after(2));
  EXPECT_FALSE(coverage({.limit = 2}).more);
}

TEST_F(CoverageTest, ATailGivesEachFactOnceBeforeTheEventItStandsBefore) {
  append(records(1, 2), {});
  append(records(3, 4), {fact(CoverageKind::kLogCleared, 5, 5)});
  append({.source = "evtx:a"}, {fact(CoverageKind::kSourceDown, 6, {})});
  const auto facts_after = [&](std::uint64_t seq) {
    std::vector<std::uint64_t> before;
    for (const auto& f : value_of(reader_->tail({{}, seq, 100, false})).facts) {
      before.push_back(f.before_seq);
    }
    return before;
  };
  EXPECT_THAT(facts_after(0), ElementsAre(3U));
  EXPECT_THAT(facts_after(2), ElementsAre(3U));
  EXPECT_THAT(facts_after(3), ElementsAre());
  Filter nothing;
  nothing.host.any = {"nowhere"};
  EXPECT_EQ(value_of(reader_->tail({nothing, 0, 100, false})).facts.size(), 1U);
  append(records(5, 5), {});
  EXPECT_THAT(facts_after(0), ElementsAre(3U, 5U));
  EXPECT_THAT(facts_after(4), ElementsAre(5U));
}

TEST_F(CoverageTest, AFactGoesWithTheEventsBehindIt) {
  append(records(1, 2), {fact(CoverageKind::kLogCleared, 1, 1)});
  append(records(3, 4), {fact(CoverageKind::kLogFull, 2, {})});
  append(records(5, 6), {fact(CoverageKind::kLogCleared, 3, 3)});
  value_of(store_->delete_oldest(4, kMaxTimestamp));
  EXPECT_THAT(coverage().facts, ElementsAre(Field(&CoverageFact::before_seq, 5U),
                                            Field(&CoverageFact::before_seq, 3U),
                                            Field(&CoverageFact::kind, CoverageKind::kRowsDeleted)))
      << "what is still so stays";
}

// An import of last year's log comes after what happened this year.
TEST_F(CoverageTest, AFactOfAnotherTimeThanTheDeletedRowsStays) {
  append(records(1, 4),
         {fact(CoverageKind::kServiceDown, -9, -1), fact(CoverageKind::kLogCleared, 2, 2),
          fact(CoverageKind::kRecordsMissing, 90, 99)});
  append(records(5, 6), {});
  value_of(store_->delete_oldest(4, kMaxTimestamp));
  EXPECT_THAT(coverage().facts,
              ElementsAre(Field(&CoverageFact::kind, CoverageKind::kRecordsMissing),
                          Field(&CoverageFact::kind, CoverageKind::kRowsDeleted),
                          Field(&CoverageFact::kind, CoverageKind::kServiceDown)));
  EXPECT_EQ(coverage({after(95), after(96)}).facts.size(), 1U);
}

TEST_F(CoverageTest, AStoreOfTheFirstVersionGetsTheTable) {
  reader_.reset();
  store_.reset();
  {
    SQLite::Database db(dir_.path("store.db"), SQLite::OPEN_READWRITE);
    db.exec("DROP TABLE coverage; DROP TABLE setting; PRAGMA user_version = 1");
  }
  store_ = value_of(Store::open({.path = dir_.path("store.db")}));
  reader_ = value_of(StoreReader::open(dir_.path("store.db")));
  append(records(1, 1), {fact(CoverageKind::kLogCleared, 1, 1)});
  EXPECT_EQ(coverage().facts.size(), 1U);
}

TEST_F(CoverageTest, OutagesThatFollowEachOtherCloselyAreOne) {
  for (std::int64_t n = 0; n < 1000; ++n) {
    CoverageFact down = fact(CoverageKind::kSourceDown, n * 100, {});
    down.detail = "refused";
    append({.source = "evtx:a"}, {down});
    append({.source = "evtx:a"}, {end_of(CoverageKind::kSourceDown, n * 100 + 50)});
  }
  ASSERT_EQ(coverage().facts.size(), 1U);
  const CoverageFact folded = coverage().facts[0];
  EXPECT_EQ(folded.start, after(0));
  EXPECT_EQ(folded.end, after(99'950));
  EXPECT_EQ(folded.count, 1000U);
  // Another cause, another source, and one long after are facts of their own.
  append({.source = "evtx:a"}, {fact(CoverageKind::kSourceDown, 100'000, 100'001)});
  append({.source = "evtx:b"}, {fact(CoverageKind::kSourceDown, 100'000, 100'001)});
  append({.source = "evtx:b"}, {fact(CoverageKind::kSourceDown, 200'000, 200'001)});
  EXPECT_EQ(coverage().facts.size(), 4U);
}

TEST_F(CoverageTest, LossesOfAFloodAreSummedAndToldAgain) {
  std::uint64_t lost = 0;
  for (std::uint64_t n = 0; n < 50; ++n) {
    CoverageFact dropped = fact(CoverageKind::kRecordsDropped, static_cast<std::int64_t>(n),
                                static_cast<std::int64_t>(n));
    dropped.missing_records = n + 1;
    lost += n + 1;
    append(records(n * 10, n * 10 + 9), {dropped});
  }
  const auto facts = coverage().facts;
  ASSERT_EQ(facts.size(), 1U);
  EXPECT_EQ(facts[0].missing_records, lost);
  EXPECT_EQ(facts[0].before_seq, 491U);
  // Told again when the log is read again: within what is known.
  append(records(1, 1), {fact(CoverageKind::kRecordsDropped, 7, 7)});
  EXPECT_EQ(coverage().facts.size(), 1U);
  EXPECT_EQ(coverage().facts[0].missing_records, lost);
}

TEST_F(CoverageTest, RecordsThatAreDamagedAtOneMomentAreSummed) {
  for (std::uint64_t n = 1; n <= 3; ++n) {
    CoverageFact damaged = fact(CoverageKind::kRecordsDamaged, 5, 5);
    damaged.missing_records = n;
    append({.source = "evtx:a"}, {damaged});
  }
  ASSERT_EQ(coverage().facts.size(), 1U);
  EXPECT_EQ(coverage().facts[0].missing_records, 6U);
}

TEST_F(CoverageTest, TwoHundredThousandFactsSlowNothing) {
  constexpr std::int64_t kFacts = 200'000;
  EventBatch batch{.source = "evtx:a"};
  for (std::int64_t n = 0; n < kFacts; ++n) {
    batch.facts.push_back(fact(CoverageKind::kLogCleared, n * 3600, n * 3600));
    batch.facts.back().missing_records = 2;
  }
  value_of(store_->append(batch));
  const auto ask = [&] {
    reader_->set_deadline_ms(2000);
    return value_of(reader_->coverage({.since = after((kFacts - 10) * 3600)})).facts.size();
  };
  EXPECT_EQ(ask(), 10U);
  value_of(store_->clean_up(false));
  EXPECT_EQ(ask(), 10U);
  // What is long ago is one fact that covers all of it.
  SQLite::Database db(dir_.path("store.db"));
  EXPECT_LE(db.execAndGet("SELECT count(*) FROM coverage").getInt(), 20'000);
  EXPECT_EQ(db.execAndGet("SELECT sum(missing) FROM coverage").getInt64(), 2 * kFacts);
  EXPECT_EQ(db.execAndGet("SELECT sum(count) FROM coverage").getInt64(), kFacts);
  const Coverage oldest = value_of(reader_->coverage({.until = after(1)}));
  ASSERT_EQ(oldest.facts.size(), 1U);
  EXPECT_GT(oldest.facts[0].count, 100'000U);
}

TEST_F(CoverageTest, FactsOfTheProgramItselfMakeNoSource) {
  append({}, {fact(CoverageKind::kStoreSetAside, 5, 6)});
  EXPECT_EQ(coverage().facts.at(0).source, "");
  EXPECT_TRUE(value_of(reader_->sources()).empty());
  EXPECT_EQ(value_of(reader_->tail({{}, 0, 10, false})).facts.size(), 0U)
      << "before the next event";
}

}  // namespace
}  // namespace blockwatch
