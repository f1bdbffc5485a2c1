#include "server/log_forecast.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "monitor/audit_policy.h"
#include "tests/support/temp_dir.h"

namespace blockwatch {
namespace {

using testing::DoubleNear;
using testing::HasSubstr;
using testing::Optional;

constexpr SecurityLog kFull{20'000'000, 20'000'000, WhenFull::kOverwrite, 1'000'000};
constexpr std::uint8_t kFailure = 2;

EventRateFn never_seen() {
  return [](std::span<const NumberRange>) { return std::nullopt; };
}
EventRateFn always(EventRate rate) {
  return [rate](std::span<const NumberRange>) { return rate; };
}

std::vector<AuditSettingRecord> one(std::uint8_t subcategory, std::uint8_t before,
                                    std::uint8_t after) {
  return {{.subcategory = subcategory, .before = before, .after = after, .revert_to = before}};
}

TEST(LogForecastTest, HoursDependOnWhatHappensWhenItIsFull) {
  SecurityLog log = kFull;
  log.bytes = 15'000'000;
  EXPECT_THAT(hours_until_overwrite(log), Optional(20.0));
  log.when_full = WhenFull::kStop;
  EXPECT_THAT(hours_until_overwrite(log), Optional(5.0));
  log.when_full = WhenFull::kArchive;
  EXPECT_FALSE(hours_until_overwrite(log));
  log = kFull;
  log.bytes_per_hour.reset();
  EXPECT_FALSE(hours_until_overwrite(log));
}

TEST(LogForecastTest, WhatWasSeenBeforeGivesARange) {
  const auto forecast = forecast_log(kFull, one(kAuditPacketDrop, 0, kFailure),
                                     always({.usual = 2000, .busiest = 4000}));
  ASSERT_TRUE(forecast);
  EXPECT_THAT(forecast->before, Optional(20.0));
  EXPECT_THAT(forecast->after_at_most, Optional(DoubleNear(8.0, 1e-9)));   // 1 + 1.5 MB
  EXPECT_THAT(forecast->after_at_least, Optional(DoubleNear(5.0, 1e-9)));  // 1 + 3 MB
  EXPECT_THAT(std::string(forecast->basis), HasSubstr("busiest"));
}

TEST(LogForecastTest, WhatWasNeverSeenIsNotGuessed) {
  const auto forecast = forecast_log(kFull, one(kAuditConnection, 0, kFailure), never_seen());
  EXPECT_FALSE(forecast->after_at_least);
  EXPECT_THAT(forecast->after_at_most, Optional(20.0));
  EXPECT_THAT(std::string(forecast->basis), HasSubstr("not known before it was on"));
  // Nor is what other subcategories write.
  EXPECT_FALSE(forecast_log(kFull, one(0, 0, kFailure), always({1, 1}))->after_at_least);
}

TEST(LogForecastTest, LessIsWrittenOnceSomethingIsOff) {
  const auto forecast = forecast_log(kFull, one(kAuditConnection, 3, 0), always({1, 1}));
  EXPECT_THAT(forecast->after_at_least, Optional(20.0));
  EXPECT_FALSE(forecast->after_at_most);
  EXPECT_THAT(std::string(forecast->basis), HasSubstr("how much of the log"));
}

TEST(LogForecastTest, WhatStaysChangesNothing) {
  const auto forecast = forecast_log(kFull, one(kAuditConnection, 2, 2), never_seen());
  EXPECT_EQ(forecast->after_at_least, forecast->before);
  EXPECT_EQ(forecast->after_at_most, forecast->before);
}

TEST(LogForecastTest, EachFlagAsksForItsEvents) {
  std::vector<std::uint64_t> asked;
  const EventRateFn listen = [&](std::span<const NumberRange> ids) -> std::optional<EventRate> {
    for (const NumberRange& range : ids) asked.push_back(range.low);
    return std::nullopt;
  };
  forecast_log(kFull, one(kAuditPacketDrop, 0, 2), listen);
  EXPECT_THAT(asked, testing::ElementsAre(5152));
  asked.clear();
  forecast_log(kFull, one(kAuditConnection, 0, 3), listen);
  EXPECT_THAT(asked, testing::ElementsAre(5154, 5156, 5158, 5031, 5150, 5155, 5157, 5159));
}

TEST(LogForecastTest, WithoutALogThereIsNone) {
  EXPECT_FALSE(forecast_log(std::nullopt, {}, never_seen()));
  SecurityLog log = kFull;
  log.bytes_per_hour.reset();
  EXPECT_THAT(std::string(forecast_log(log, {}, never_seen())->basis), HasSubstr("too little"));
  log.when_full = WhenFull::kArchive;
  EXPECT_THAT(std::string(forecast_log(log, {}, never_seen())->basis), HasSubstr("archived"));
}

TEST(LogForecastTest, RatesAreThoseOfTheLiveLogInTheLastWeek) {
  const TempDir folder;
  auto store = Store::open({.path = folder.path("a.db")});
  ASSERT_TRUE(store);
  constexpr std::int64_t kHour = 3600 * Timestamp::kTicksPerSecond;
  const Timestamp now{500'000 * kHour};
  std::uint64_t record_id = 0;
  const auto add = [&](std::int64_t hours_ago, int count, const char* source) {
    EventBatch batch{.source = source};
    for (int i = 0; i < count; ++i) {
      Event& event = batch.list.events.emplace_back();
      event.time = Timestamp{now.ticks - hours_ago * kHour + i};
      event.source = batch.source;
      event.host = "PC";
      event.record_id = ++record_id;
      event.event_id = 5157;
    }
    ASSERT_TRUE((*store)->append(batch));
  };
  add(1, 10, "windows:Security");
  add(50, 30, "windows:Security");
  add(50, 500, "evtx:other");
  add(200, 900, "windows:Security");  // more than a week ago
  const auto reader = StoreReader::open(folder.path("a.db"));
  ASSERT_TRUE(reader);
  const EventRateFn rate_of = stored_event_rates(reader->get(), now);
  const std::vector<NumberRange> blocks{{5157, 5157}};
  const auto rate = rate_of(blocks);
  ASSERT_TRUE(rate);
  EXPECT_DOUBLE_EQ(rate->usual, 20);
  EXPECT_DOUBLE_EQ(rate->busiest, 30);
  const std::vector<NumberRange> drops{{5152, 5153}};
  EXPECT_FALSE(rate_of(drops));
  EXPECT_FALSE(stored_event_rates(nullptr, now)(blocks));
}

}  // namespace
}  // namespace blockwatch
