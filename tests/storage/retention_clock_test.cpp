// What deleting by age takes for the time, while the program runs and over restarts.

#include "storage/retention_clock.h"

#include <gtest/gtest.h>

#include "storage/sqlite_internal.h"
#include "tests/storage/store_test_support.h"
#include "tests/support/temp_dir.h"

namespace blockwatch {
namespace {

using std::chrono::hours;

constexpr std::int64_t kHour = 3600 * Timestamp::kTicksPerSecond;
constexpr std::int64_t kYear = 365 * 24 * kHour;

TEST(RetentionClock, GoesWithTheSystemsClock) {
  const RetentionClock::Steady start{};
  const Timestamp noon{100 * kHour};
  RetentionClock clock(std::nullopt, noon, start);
  EXPECT_EQ(clock.look(noon, start), noon);
  EXPECT_EQ(clock.look({noon.ticks + 50 * kHour}, start + hours(50)).ticks, 150 * kHour);
  // A late start on the same day, a clock that is put right.
  EXPECT_EQ(clock.look({noon.ticks + 50 * kHour + kHour / 2}, start + hours(50)).ticks,
            150 * kHour + kHour / 2);
}

TEST(RetentionClock, BelievesAJumpAheadAfterADayOnly) {
  const RetentionClock::Steady start{};
  const Timestamp noon{100 * kHour};
  RetentionClock clock(RetentionTime{noon, {}, 0}, {noon.ticks + kYear}, start);
  EXPECT_EQ(clock.look({noon.ticks + kYear}, start), noon);
  EXPECT_EQ(clock.look({noon.ticks + kYear + 23 * kHour}, start + hours(23)).ticks, 123 * kHour);
  EXPECT_EQ(clock.look({noon.ticks + kYear + 24 * kHour}, start + hours(24)).ticks,
            124 * kHour + kYear);
}

TEST(RetentionClock, AJumpThatIsPutRightWasNone) {
  const RetentionClock::Steady start{};
  const Timestamp noon{10'000 * kHour};
  RetentionClock clock(RetentionTime{noon, {}, 0}, noon, start);
  EXPECT_EQ(clock.look({noon.ticks + 9'000 * kHour}, start), noon);
  EXPECT_EQ(clock.look({noon.ticks + 20 * kHour}, start + hours(20)).ticks, 10'020 * kHour);
  // The next one has to last for a day again.
  EXPECT_EQ(clock.look({noon.ticks + 9'000 * kHour}, start + hours(25)).ticks, 10'025 * kHour);
  // Back: fewer events are old.
  EXPECT_EQ(clock.look({noon.ticks - 9'000 * kHour}, start + hours(26)).ticks, 1'000 * kHour);
}

// Hours of running after each start; the clock goes on from `clock` with every one.
std::int64_t believed_hours(std::optional<RetentionTime>& kept, Timestamp clock, int runs_for) {
  const RetentionClock::Steady start{};
  RetentionClock running(kept, clock, start);
  for (int hour = 0; hour <= runs_for; ++hour) {
    running.look({clock.ticks + hour * kHour}, start + hours(hour));
  }
  kept = running.now();
  return kept->time.ticks / kHour;
}

TEST(RetentionClock, AJumpAheadIsNotBelievedBecauseOfARestart) {
  std::optional<RetentionTime> kept = RetentionTime{{1000 * kHour}, {}, 0};
  const Timestamp wrong{1000 * kHour + kYear};
  EXPECT_EQ(believed_hours(kept, wrong, 2), 1002);
  EXPECT_EQ(believed_hours(kept, {wrong.ticks + 3 * kHour}, 2), 1004);
  EXPECT_EQ(believed_hours(kept, {1010 * kHour}, 0), 1004) << "as far ahead as it was off";
  EXPECT_EQ(believed_hours(kept, {1004 * kHour}, 0), 1004);
  EXPECT_EQ(kept, (RetentionTime{{1004 * kHour}, {}, 0}));
}

TEST(RetentionClock, WhatWasOffForLongIsBelievedAfterADayOfRunning) {
  std::optional<RetentionTime> kept = RetentionTime{{1000 * kHour}, {}, 0};
  EXPECT_EQ(believed_hours(kept, {9000 * kHour}, 20), 1020);
  EXPECT_EQ(believed_hours(kept, {9100 * kHour}, 4), 9024);
  EXPECT_EQ(believed_hours(kept, {9000 * kHour}, 1), 9001);
}

// The wrong one has not lasted for a day, though the clock was ahead for that long.
TEST(RetentionClock, ARightClockDoesNotVouchForAWrongOne) {
  std::optional<RetentionTime> kept = RetentionTime{{1000 * kHour}, {}, 0};
  EXPECT_EQ(believed_hours(kept, {1016 * kHour}, 23), 1023);
  EXPECT_EQ(believed_hours(kept, {1040 * kHour + kYear}, 1), 1040);
  EXPECT_EQ(believed_hours(kept, {1042 * kHour + kYear}, 10), 1050);
}

TEST(RetentionClock, AMachineThatIsOffEveryNightLagsByDaysAtMost) {
  std::optional<RetentionTime> kept = RetentionTime{{0}, {}, 0};
  for (int day = 1; day <= 100; ++day) {
    const int evening = day * 24 + 8;
    EXPECT_LE(believed_hours(kept, {day * 24 * kHour}, 8), evening);
    EXPECT_GE(kept->time.ticks / kHour, evening - 6 * 24);
  }
}

TEST(RetentionClock, TheStoreKeepsWhatIsBelieved) {
  const TempDir folder;
  auto open = [&] { return value_of(Store::open({folder.path("events.db")})); };
  EXPECT_EQ(value_of(open()->retention_time()), std::nullopt);
  value_of(open()->append(records(1, 1)));
  const Timestamp received = value_of(open()->retention_time()).value().time;
  EXPECT_GT(received, kSampleTime);
  const RetentionTime with_claim{{1000}, Timestamp{5000}, 7};
  const RetentionTime without{{2000}, {}, 0};
  for (const RetentionTime& kept : {with_claim, without}) {
    value_of(open()->save(kept));
    EXPECT_EQ(value_of(open()->retention_time()), kept);
  }
  SqlConnection(folder.path("events.db"), SqlConnection::Mode::kReadWrite)
      .execute("UPDATE setting SET value = 9223372036854775807");
  EXPECT_EQ(value_of(open()->retention_time()), (RetentionTime{received, {}, 0}));
}

}  // namespace
}  // namespace blockwatch
