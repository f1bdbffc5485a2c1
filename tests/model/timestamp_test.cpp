#include "storage/timestamp.h"

#include <gtest/gtest.h>

#include <random>

namespace blockwatch {
namespace {

TEST(TimestampTest, FormatsSevenFractionDigits) {
  EXPECT_EQ(format_rfc3339(Timestamp{0}), "1970-01-01T00:00:00.0000000Z");
  EXPECT_EQ(format_rfc3339(Timestamp{15'500'809'075'123'404}), "2019-02-13T18:01:47.5123404Z");
  EXPECT_EQ(format_rfc3339(Timestamp{kMaxTimestamp.ticks - 1}), "2083-12-31T23:59:59.9999999Z");
}

TEST(TimestampTest, ConvertsFiletimes) {
  EXPECT_EQ(from_filetime(116'444'736'000'000'000).ticks, 0);
  EXPECT_EQ(to_filetime(Timestamp{0}), 116'444'736'000'000'000U);
  EXPECT_FALSE(is_plausible(from_filetime(0)));
  EXPECT_FALSE(is_plausible(from_filetime(~0ULL >> 1)));
}

TEST(TimestampTest, ReadsEveryWrittenForm) {
  const Timestamp expected{15'500'809'075'123'404};
  for (const char* text : {"2019-02-13T18:01:47.5123404Z", "2019-02-13T18:01:47.512340499Z",
                           "2019-02-13 18:01:47.5123404z", "2019-02-13T19:01:47.5123404+01:00",
                           "2019-02-13T12:31:47.5123404-05:30"}) {
    const auto t = parse_rfc3339(text);
    ASSERT_TRUE(t) << text;
    EXPECT_EQ(t->ticks, expected.ticks) << text;
  }
  EXPECT_EQ(parse_rfc3339("1970-01-01T00:00:01Z")->ticks, 10'000'000);
  EXPECT_EQ(parse_rfc3339("1970-01-01T00:00:00.5Z")->ticks, 5'000'000);
  EXPECT_EQ(parse_rfc3339("2024-02-29T00:00:00Z").has_value(), true);
}

TEST(TimestampTest, NeedsAZoneUnlessToldOtherwise) {
  EXPECT_FALSE(parse_rfc3339("2019-02-13 18:01:47"));
  EXPECT_TRUE(parse_rfc3339("2019-02-13 18:01:47", true));
}

TEST(TimestampTest, RefusesWhatIsNoTime) {
  for (const char* text :
       {"", "2019", "2019-02-13", "2019-13-01T00:00:00Z", "2019-02-30T00:00:00Z",
        "2019-02-13T24:00:00Z", "2019-02-13T18:60:00Z", "2019-02-13T18:01:60Z",
        "2019-02-13T18:01:47.Z", "2019-02-13T18:01:47.1234567890Z", "2019-02-13T18:01:47+1:00",
        "2019-02-13T18:01:47Zx", "1969-12-31T23:59:59Z", "2084-01-01T00:00:00Z",
        "-019-02-13T18:01:47Z"}) {
    EXPECT_FALSE(parse_rfc3339(text)) << text;
  }
}

TEST(TimestampTest, EveryTickSurvivesFormatAndParse) {
  std::mt19937_64 random(2);
  for (int i = 0; i < 20'000; ++i) {
    const Timestamp t{
        static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(kMaxTimestamp.ticks))};
    ASSERT_EQ(parse_rfc3339(format_rfc3339(t))->ticks, t.ticks);
    ASSERT_EQ(from_filetime(to_filetime(t)).ticks, t.ticks);
  }
}

TEST(TimestampTest, NowIsPlausible) { EXPECT_GT(now().ticks, 17'000'000'000'000'000); }

}  // namespace
}  // namespace blockwatch
