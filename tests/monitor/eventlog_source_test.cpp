#include "monitor/eventlog_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "monitor/event_file.h"
#include "monitor/eventlog_position.h"
#include "tests/monitor/collector.h"
#include "tests/monitor/eventlog_reader.h"
#include "tests/support/demo_log.h"
#include "tests/support/temp_dir.h"

namespace blockwatch {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class EventLogSourceTest : public testing::Test {
 protected:
  void add_blocks(int n) {
    for (int i = 0; i < n; ++i) log_.add_block();
  }

  FakeEventLog log_;
  EventLogReader reader_{log_};
};

TEST_F(EventLogSourceTest, GivesWhatTheLogHoldsAndThenWhatComes) {
  add_blocks(2);
  log_.add_other();
  ASSERT_TRUE(
      reader_.run({[&] { add_blocks(1); }, [&] { log_.add_other(); }, [&] { add_blocks(2); }}));
  EXPECT_THAT(reader_.ids, ElementsAre(1, 2, 4, 6, 7));
  EXPECT_THAT(reader_.told(CoverageKind::kRecordsMissing), IsEmpty());
  EXPECT_EQ(reader_.report.snapshot().state, SourceState::kFollowing);
  EXPECT_EQ(log_.open_subscriptions(), 0U);
}

TEST_F(EventLogSourceTest, AHundredThousandEventsInOrderNoneLostOrRepeated) {
  constexpr int kEvents = 100'000;
  int added = 50'000;
  add_blocks(added);
  log_.busy = [&] {  // more come while it reads
    for (int i = 0; i < 7 && added < kEvents; ++i, ++added) log_.add_block();
    // The log is short: what was read makes room.
    if (log_.records().size() > 60'000) log_.overwrite_below(log_.newest() - 50'000);
  };
  ASSERT_TRUE(reader_.run({[&] { add_blocks(kEvents - std::exchange(added, kEvents)); }}));
  EXPECT_EQ(reader_.ids, numbers(1, kEvents));
}

TEST_F(EventLogSourceTest, GoesOnAfterItsPosition) {
  add_blocks(3);
  ASSERT_TRUE(reader_.run());
  add_blocks(2);
  ASSERT_TRUE(reader_.run());
  EXPECT_THAT(reader_.ids, ElementsAre(1, 2, 3, 4, 5));
}

// The document's sample resets after it has drained the log, and loses what comes in between
// (vectordotdev/vector#25194).
TEST_F(EventLogSourceTest, ASignalDuringTheDrainIsNotWipedOut) {
  auto options = EventLogReader::quick();
  options.look_interval = std::chrono::hours(1);
  EventLogReader reader(log_, options);
  add_blocks(1);
  log_.ended = [&] {
    if (log_.newest() < 3) log_.add_block();
  };
  ASSERT_TRUE(reader.run());
  EXPECT_THAT(reader.ids, ElementsAre(1, 2, 3));
}

TEST_F(EventLogSourceTest, ATooLargeBatchIsHalvedAndReadAgain) {
  add_blocks(300);
  log_.largest_batch = 20;
  ASSERT_TRUE(reader_.run());
  EXPECT_EQ(reader_.ids, numbers(1, 300));
  EXPECT_EQ(log_.smallest_batch(), 12U);
}

TEST_F(EventLogSourceTest, ABatchOfOneThatIsTooLargeIsAFailureAndNoCircle) {
  add_blocks(3);
  log_.largest_batch = 0;
  const auto done = reader_.run();
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().message, HasSubstr("1734"));
  EXPECT_LE(log_.subscriptions(), 20U);
  log_.largest_batch = 1;
  ASSERT_TRUE(reader_.run());
  EXPECT_THAT(reader_.ids, ElementsAre(1, 2, 3));
}

TEST_F(EventLogSourceTest, AnOverwrittenLogIsReadFromItsOldestRecordAndTheHoleIsTold) {
  add_blocks(10);
  ASSERT_TRUE(reader_.run());
  add_blocks(30);
  log_.overwrite_below(31);
  ASSERT_TRUE(reader_.run());
  auto expected = numbers(1, 10);
  for (const auto id : numbers(31, 40)) expected.push_back(id);
  EXPECT_EQ(reader_.ids, expected);
  const auto holes = reader_.told(CoverageKind::kRecordsMissing);
  ASSERT_EQ(holes.size(), 1U);
  EXPECT_EQ(holes[0].first_record_id, 11U);
  EXPECT_EQ(holes[0].last_record_id, 30U);
  EXPECT_EQ(holes[0].missing_records, 20U);
  EXPECT_EQ(holes[0].end, log_.records().front().time);
  EXPECT_EQ(reader_.lost, 20U);
}

TEST_F(EventLogSourceTest, AClockThatWasAheadPutsNoHoleIntoTheFuture) {
  const auto ahead = Timestamp{now().ticks + 3600 * Timestamp::kTicksPerSecond};
  log_.next_time = ahead;
  add_blocks(3);
  ASSERT_TRUE(reader_.run());
  add_blocks(3);
  log_.overwrite_below(6);
  ASSERT_TRUE(reader_.run());
  const auto holes = reader_.told(CoverageKind::kRecordsMissing);
  ASSERT_EQ(holes.size(), 1U);
  EXPECT_LT(holes[0].start, ahead);
  EXPECT_LT(holes[0].end, ahead);
}

TEST_F(EventLogSourceTest, OverwrittenRecordsThatWereLookedAtAreNoHole) {
  add_blocks(1);
  for (int i = 0; i < 50; ++i) log_.add_other();
  ASSERT_TRUE(reader_.run());
  log_.overwrite_below(51);
  add_blocks(1);
  ASSERT_TRUE(reader_.run());
  EXPECT_THAT(reader_.ids, ElementsAre(1, 52));
  EXPECT_THAT(reader_.told(CoverageKind::kRecordsMissing), IsEmpty());
}

TEST_F(EventLogSourceTest, ALogThatRollsOverWhileItIsReadIsGoneOnWith) {
  add_blocks(500);
  log_.busy = [&] {
    if (log_.takes() == 3) log_.overwrite_below(401);
  };
  ASSERT_TRUE(reader_.run());
  auto expected = numbers(1, 200);
  for (const auto id : numbers(401, 500)) expected.push_back(id);
  EXPECT_EQ(reader_.ids, expected);
  EXPECT_EQ(reader_.told(CoverageKind::kRecordsMissing).at(0).missing_records, 200U);
}

TEST_F(EventLogSourceTest, AClearedLogIsToldAndReadOn) {
  add_blocks(5);
  ASSERT_TRUE(reader_.run({[&] { log_.clear(); }, [&] { add_blocks(1); }}));
  EXPECT_THAT(reader_.ids, ElementsAre(1, 2, 3, 4, 5, 7));
  EXPECT_THAT(reader_.told(CoverageKind::kRecordsMissing), IsEmpty()) << "everything had been read";
  const auto cleared = reader_.told(CoverageKind::kLogCleared);
  ASSERT_EQ(cleared.size(), 1U);
  EXPECT_THAT(cleared[0].detail, HasSubstr("EXAMPLE\\kim"));
}

TEST_F(EventLogSourceTest, WhatWasClearedUnreadIsAHole) {
  add_blocks(5);
  ASSERT_TRUE(reader_.run());
  add_blocks(5);
  log_.clear();
  ASSERT_TRUE(reader_.run());
  EXPECT_EQ(reader_.told(CoverageKind::kRecordsMissing).at(0).missing_records, 5U);
}

TEST_F(EventLogSourceTest, AReplacedLogIsReadAsAWhole) {
  add_blocks(20);
  ASSERT_TRUE(reader_.run());
  log_.replace();
  add_blocks(30);  // the bookmarked number is there again, and means another record
  ASSERT_TRUE(reader_.run());
  auto expected = numbers(1, 20);
  for (const auto id : numbers(1, 30)) expected.push_back(id);
  EXPECT_EQ(reader_.ids, expected);
  const auto holes = reader_.told(CoverageKind::kRecordsMissing);
  ASSERT_EQ(holes.size(), 1U);
  EXPECT_FALSE(holes[0].missing_records) << "nobody knows";
}

TEST_F(EventLogSourceTest, AnEmptyReplacementIsUnderstoodWithItsFirstRecord) {
  add_blocks(3);
  ASSERT_TRUE(reader_.run({[&] { log_.replace(); }, [&] { add_blocks(2); }}));
  EXPECT_THAT(reader_.ids, ElementsAre(1, 2, 3, 1, 2));
}

TEST_F(EventLogSourceTest, ADeadServiceIsAFailureAndAFactUntilItAnswers) {
  add_blocks(2);
  ASSERT_TRUE(reader_.run());
  log_.info_errors = {log_error::kServerUnavailable};
  const auto down = reader_.run();
  ASSERT_FALSE(down);
  EXPECT_EQ(down.error().code, ErrorCode::kUnavailable);
  add_blocks(1);
  ASSERT_TRUE(reader_.run());
  EXPECT_THAT(reader_.ids, ElementsAre(1, 2, 3));
  ASSERT_EQ(reader_.told(CoverageKind::kSourceDown).size(), 1U);
  EXPECT_FALSE(reader_.told(CoverageKind::kSourceDown)[0].end);
  const auto& end = reader_.facts.back();
  EXPECT_EQ(end.kind, CoverageKind::kSourceDown);
  EXPECT_TRUE(end.ends_open);
  EXPECT_EQ(end.missing_records, 0U);
}

TEST_F(EventLogSourceTest, ADeadSubscriptionIsOpenedAgainByTheNextRun) {
  add_blocks(1);
  ASSERT_FALSE(reader_.run({[&] { log_.restart_service(); }}));
  add_blocks(1);
  ASSERT_TRUE(reader_.run());
  EXPECT_THAT(reader_.ids, ElementsAre(1, 2));
}

TEST_F(EventLogSourceTest, SaysWhichRightIsMissing) {
  log_.subscribe_errors = {log_error::kAccessDenied};
  const auto done = reader_.run();
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ErrorCode::kPermission);
  EXPECT_THAT(done.error().message, HasSubstr("Event Log Readers"));
}

TEST_F(EventLogSourceTest, SaysThatTheChannelIsMissing) {
  log_.subscribe_errors = {log_error::kChannelNotFound};
  EXPECT_EQ(reader_.run().error().code, ErrorCode::kNotFound);
}

TEST_F(EventLogSourceTest, AnyOtherErrorIsToldByItsNumber) {
  log_.subscribe_errors = {15001};
  EXPECT_THAT(reader_.run().error().message, HasSubstr("15001"));
  log_.next_errors = {1717};
  EXPECT_THAT(reader_.run().error().message, HasSubstr("1717"));
}

// vectordotdev/vector#26118: signalled for ever, and nothing there.
TEST_F(EventLogSourceTest, EmptySignalsAreAFailureAndNoSpin) {
  log_.keep_signalling();
  ASSERT_FALSE(reader_.run());
  EXPECT_LE(log_.takes(), 100U);
}

TEST_F(EventLogSourceTest, AStaleResultThatStaysStaleIsAFailureAndNoSpin) {
  log_.next_errors.assign(1000, log_error::kResultStale);
  ASSERT_FALSE(reader_.run());
  EXPECT_LE(log_.takes(), 20U);
}

// vectordotdev/vector#25194: a source that froze without an error.
TEST_F(EventLogSourceTest, ASilentSubscriptionIsOpenedAnew) {
  auto options = EventLogReader::quick();
  options.silence = std::chrono::milliseconds(0);
  EventLogReader reader(log_, options);
  add_blocks(1);
  ASSERT_TRUE(reader.run({[&] { log_.freeze(); }, [&] { add_blocks(1); }, [] {}, [] {}}));
  EXPECT_THAT(reader.ids, ElementsAre(1, 2));
}

TEST_F(EventLogSourceTest, AnUnreadableRecordIsTriedTwiceThenCountedAndPassed) {
  add_blocks(3);
  log_.unreadable = {2};
  ASSERT_FALSE(reader_.run());
  ASSERT_TRUE(reader_.run());
  EXPECT_THAT(reader_.ids, ElementsAre(1, 3));
  EXPECT_EQ(reader_.damaged, 1U);
  ASSERT_EQ(reader_.told(CoverageKind::kRecordsDamaged).size(), 1U);
  EXPECT_EQ(reader_.told(CoverageKind::kRecordsDamaged)[0].missing_records, 1U);
}

TEST_F(EventLogSourceTest, AFullLogLastsUntilTheNextRecord) {
  add_blocks(1);
  log_.add("Microsoft-Windows-Eventlog", 1104, {});
  ASSERT_TRUE(reader_.run());
  ASSERT_EQ(reader_.told(CoverageKind::kLogFull).size(), 1U);
  EXPECT_FALSE(reader_.told(CoverageKind::kLogFull)[0].end);
  add_blocks(1);
  reader_.facts.clear();
  ASSERT_TRUE(reader_.run());  // another run, as after a restart of the program
  const auto end = std::find_if(reader_.facts.begin(), reader_.facts.end(), [](const auto& f) {
    return f.kind == CoverageKind::kLogFull && f.ends_open;
  });
  ASSERT_NE(end, reader_.facts.end());
  EXPECT_EQ(end->end, log_.records().back().time);
}

TEST_F(EventLogSourceTest, ReadsArchivesBesideTheLogOnce) {
  const std::string name = "Archive-Security-2026-01-02-03-04-05-678.evtx";
  TempDir dir;
  dir.write(name, demo_log());
  dir.write("Security.evtx", demo_log());
  log_.folder = dir.path();
  Collector collector;
  std::stop_source stop;
  for (int run = 0; run < 2; ++run) {
    log_.idle = [&] { stop.request_stop(); };
    const auto source = make_eventlog_source(log_.api(), {.record = kAllActions});
    SourceReport report;
    stop = {};
    ASSERT_TRUE(source->run(collector.position_of(), collector.emit(), report, stop.get_token()));
  }
  EXPECT_EQ(collector.record_ids().size(), 20U);
  EXPECT_EQ(collector.sources().front(), "evtx:" + name);
  EXPECT_EQ(collector.damaged(), 0U);
}

// "AutoBackup": the full log becomes an archive, and a new one goes on counting.
TEST_F(EventLogSourceTest, WhatAnArchiveHoldsIsNoHole) {
  TempDir dir;
  log_.folder = dir.path();
  log_.count_from(240'001);  // as the demo log does
  FileReport whole;
  add_blocks(2);
  ASSERT_TRUE(reader_.run());
  auto archive = EventFile::open(dir.write("Archive-Security-1.evtx", demo_log())).value();
  log_.count_from(archive
                      .read(
                          {}, [](EventList&&) { return true; }, whole)
                      ->newest_record_id +
                  1);
  log_.archive();
  add_blocks(1);
  ASSERT_TRUE(reader_.run());
  EXPECT_EQ(reader_.ids.size(), 2U + 18U + 1U);
  EXPECT_THAT(reader_.told(CoverageKind::kRecordsMissing), IsEmpty());
}

TEST_F(EventLogSourceTest, ABadArchiveKeepsNothingElseOut) {
  TempDir dir;
  dir.write("Archive-Security-1.evtx", "no log");
  log_.folder = dir.path();
  add_blocks(1);
  ASSERT_TRUE(reader_.run());
  EXPECT_THAT(reader_.ids, ElementsAre(1));
  EXPECT_THAT(reader_.report.snapshot().last_error, HasSubstr("Archive-Security-1.evtx"));
}

TEST_F(EventLogSourceTest, StopsInTheMiddleOfALongLog) {
  add_blocks(10'000);
  Collector collector;
  std::stop_source stop;
  log_.busy = [&] {
    if (log_.takes() == 5) stop.request_stop();
  };
  const auto source = make_eventlog_source(log_.api(), EventLogReader::quick());
  SourceReport report;
  ASSERT_TRUE(source->run(collector.position_of(), collector.emit(), report, stop.get_token()));
  EXPECT_EQ(collector.record_ids(), numbers(1, 500));
  EXPECT_EQ(parse_eventlog_position(collector.positions().at("windows:Security"))->record_id, 500U);
}

}  // namespace
}  // namespace blockwatch
