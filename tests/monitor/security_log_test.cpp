#include "monitor/security_log.h"

#include <gtest/gtest.h>

namespace blockwatch {
namespace {

constexpr std::int64_t kMinute = 60 * Timestamp::kTicksPerSecond;
const Timestamp kNow{1'000'000 * kMinute};

// 20,000 records of 500 bytes, one in every `minutes_apart` minutes.
SecurityLogApi steady_log(double minutes_apart, std::uint64_t records = 20'000) {
  return {[records] {
            return SecurityLogApi::State{500 * records, 20'000'000, records, WhenFull::kStop};
          },
          [=](std::uint64_t back) -> std::optional<Timestamp> {
            if (back >= records) return std::nullopt;
            const double age = minutes_apart * static_cast<double>(back * kMinute);
            return Timestamp{kNow.ticks - static_cast<std::int64_t>(age)};
          }};
}

TEST(SecurityLogTest, TheRateIsThatOfItsRecords) {
  for (const double minutes_apart : {0.0006, 0.001, 0.01, 1.0, 60.0}) {
    const auto log = measure_security_log(steady_log(minutes_apart), kNow);
    ASSERT_TRUE(log);
    EXPECT_EQ(log->bytes, 10'000'000U);
    EXPECT_EQ(log->max_bytes, 20'000'000U);
    EXPECT_EQ(log->when_full, WhenFull::kStop);
    EXPECT_NEAR(log->bytes_per_hour.value_or(0), 500 * 60 / minutes_apart, 1) << minutes_apart;
  }
}

TEST(SecurityLogTest, OnlyTheRecentPastCounts) {
  SecurityLogApi api = steady_log(1);
  api.time_of = [](std::uint64_t back) {  // busy for two hours, after a year of silence
    return Timestamp{kNow.ticks - (back <= 1200 ? 120 * kMinute : 500'000 * kMinute)};
  };
  EXPECT_NEAR(measure_security_log(api, kNow)->bytes_per_hour.value_or(0), 1000 * 500 / 2, 1);
}

TEST(SecurityLogTest, WhatHoldsTooLittleHasNoRate) {
  for (const std::uint64_t records : {0U, 1U, 9U}) {
    const auto log = measure_security_log(steady_log(1, records), kNow);
    ASSERT_TRUE(log);
    EXPECT_FALSE(log->bytes_per_hour) << records;
  }
  EXPECT_TRUE(measure_security_log(steady_log(1, 12), kNow)->bytes_per_hour);
}

TEST(SecurityLogTest, WhatCannotBeReadHasNoRate) {
  SecurityLogApi api = steady_log(1);
  api.time_of = [](std::uint64_t) { return std::nullopt; };
  EXPECT_FALSE(measure_security_log(api, kNow)->bytes_per_hour);
  api.time_of = nullptr;
  EXPECT_FALSE(measure_security_log(api, kNow)->bytes_per_hour);
  api.state = [] { return std::nullopt; };
  EXPECT_FALSE(measure_security_log(api, kNow));
  EXPECT_FALSE(measure_security_log({}, kNow));
}

}  // namespace
}  // namespace blockwatch
