#include "server/rate_meter.h"

#include <gtest/gtest.h>

namespace blockwatch {
namespace {

using std::chrono::seconds;

TEST(RateMeterTest, IsTheMeanOfTheLastMinute) {
  RateMeter meter;
  const RateMeter::Clock::time_point start{seconds(1000)};
  for (int s = 0; s < 60; ++s) meter.add(5, start + seconds(s));
  EXPECT_DOUBLE_EQ(meter.per_second(start + seconds(60)), 5);
  EXPECT_DOUBLE_EQ(meter.per_second(start + seconds(90)), 2.5);
  EXPECT_DOUBLE_EQ(meter.per_second(start + seconds(120)), 0);
}

TEST(RateMeterTest, TheRunningSecondIsNotCounted) {
  RateMeter meter;
  const RateMeter::Clock::time_point start{seconds(1000)};
  meter.add(60, start);
  EXPECT_DOUBLE_EQ(meter.per_second(start), 0);
  EXPECT_DOUBLE_EQ(meter.per_second(start + seconds(1)), 1);
}

TEST(RateMeterTest, ForgetsAcrossALongPause) {
  RateMeter meter;
  const RateMeter::Clock::time_point start{seconds(1000)};
  meter.add(60, start);
  EXPECT_DOUBLE_EQ(meter.per_second(start + seconds(1'000'000)), 0);
  meter.add(120, start + seconds(1'000'000));
  EXPECT_DOUBLE_EQ(meter.per_second(start + seconds(1'000'001)), 2);
}

}  // namespace
}  // namespace blockwatch
