// The double itself: each awkward side, as its header says where it is from.

#include "tests/monitor/fake_eventlog.h"

#include <gtest/gtest.h>

#include "monitor/eventlog_query.h"
#include "monitor/eventlog_record.h"

namespace blockwatch {
namespace {

class FakeEventLogTest : public testing::Test {
 protected:
  LogResult<std::unique_ptr<LogSubscription>> subscribe(
      std::optional<std::uint64_t> after = std::nullopt) {
    return api_->subscribe({eventlog_query(kBlocksAndDrops), eventlog_paths(), after});
  }
  static std::uint32_t error_of(LogSubscription& subscription, std::uint32_t most = 100) {
    const auto taken = subscription.next(most);
    return taken ? 0 : taken.error();
  }

  FakeEventLog log_;
  std::unique_ptr<EventLogApi> api_ = log_.api();
};

TEST_F(FakeEventLogTest, GivesWhatTheQueryAsksForInOrder) {
  log_.add_block();
  log_.add_other();
  log_.add_block();
  log_.add("Microsoft-Windows-Security-Auditing", 5156, {});
  log_.add("Microsoft-Windows-Eventlog", 5157, {});
  auto subscription = *subscribe();
  ASSERT_EQ(subscription->next(100).value(), 2U);
  EventLogRecord record;
  EXPECT_EQ(record.read(subscription->render(1).value()), std::nullopt);
  EXPECT_EQ(record.record_id(), 3U);
  EXPECT_EQ(record.time(), log_.records()[2].time);
}

TEST_F(FakeEventLogTest, TheEndIsToldOnceAndThenItIsAnInvalidOperation) {
  auto subscription = *subscribe();
  EXPECT_EQ(error_of(*subscription), log_error::kNoMoreItems);
  EXPECT_EQ(error_of(*subscription), log_error::kInvalidOperation);
  log_.add_block();
  EXPECT_EQ(error_of(*subscription), 0U);
  EXPECT_EQ(error_of(*subscription), log_error::kNoMoreItems);
}

TEST_F(FakeEventLogTest, SignalsWhatWasAskedForUntilReset) {
  auto subscription = *subscribe();
  int idle = 0;
  log_.idle = [&] { ++idle; };
  EXPECT_FALSE(subscription->wait({}));
  log_.add_other();
  EXPECT_FALSE(subscription->wait({}));
  log_.add_block();
  EXPECT_TRUE(subscription->wait({}));
  EXPECT_TRUE(subscription->wait({}));
  subscription->reset();
  EXPECT_FALSE(subscription->wait({}));
  EXPECT_EQ(idle, 3);
}

TEST_F(FakeEventLogTest, ABatchThatIsTooLargeIsLost) {
  for (int i = 0; i < 5; ++i) log_.add_block();
  log_.largest_batch = 2;
  auto subscription = *subscribe();
  EXPECT_EQ(error_of(*subscription, 3), log_error::kInvalidBound);
  EXPECT_EQ(subscription->next(2).value(), 2U);
  EventLogRecord record;
  EXPECT_EQ(record.read(subscription->render(0).value()), std::nullopt);
  EXPECT_EQ(record.record_id(), 4U);
}

TEST_F(FakeEventLogTest, ABookmarkThatIsGoneIsNotFound) {
  for (int i = 0; i < 5; ++i) log_.add_block();
  EXPECT_TRUE(subscribe(2));
  log_.overwrite_below(3);
  EXPECT_EQ(subscribe(2).error(), log_error::kNotFound);
  EXPECT_EQ(subscribe(6).error(), log_error::kNotFound);
}

TEST_F(FakeEventLogTest, IsStaleForEverOnceItRolledOverWhatWasNotRead) {
  for (int i = 0; i < 5; ++i) log_.add_block();
  auto slow = *subscribe();
  auto quick = *subscribe(3);
  log_.overwrite_below(3);
  EXPECT_EQ(error_of(*slow), log_error::kResultStale);
  EXPECT_EQ(error_of(*slow), log_error::kResultStale);
  EXPECT_EQ(quick->next(100).value(), 2U);
}

TEST_F(FakeEventLogTest, AClearLeavesOneRecordAndGoesOnCounting) {
  log_.add_block();
  auto subscription = *subscribe(1);
  log_.clear();
  EXPECT_EQ(error_of(*subscription), log_error::kResultStale);
  ASSERT_EQ(log_.records().size(), 1U);
  EXPECT_EQ(log_.records()[0].id, 2U);
  EXPECT_EQ(log_.records()[0].event_id, 1102);
}

TEST_F(FakeEventLogTest, AnotherFileHasAnotherTimeOfCreation) {
  log_.add_block();
  const auto before = api_->info().value();
  log_.archive();
  const auto archived = api_->info().value();
  EXPECT_NE(archived.created, before.created);
  EXPECT_EQ(archived.oldest_record_id, 2U);
  log_.replace();
  EXPECT_NE(api_->info()->created, archived.created);
  EXPECT_EQ(api_->info()->records, 0U);
  EXPECT_EQ(log_.add_block(), 1U);
}

TEST_F(FakeEventLogTest, HandlesDieWithTheService) {
  auto subscription = *subscribe();
  log_.restart_service();
  log_.add_block();
  EXPECT_EQ(error_of(*subscription), FakeEventLog::kInvalidHandle);
  EXPECT_TRUE(subscribe());
}

TEST_F(FakeEventLogTest, AFrozenSubscriptionSaysThatThereIsNothing) {
  auto subscription = *subscribe();
  log_.freeze();
  log_.add_block();
  EXPECT_FALSE(subscription->wait({}));
  EXPECT_EQ(error_of(*subscription), log_error::kInvalidOperation);
}

TEST_F(FakeEventLogTest, AnswersWithTheErrorsItWasGivenFirst) {
  log_.subscribe_errors = {log_error::kAccessDenied};
  log_.info_errors = {log_error::kServerUnavailable};
  log_.next_errors = {log_error::kTimeout};
  EXPECT_EQ(api_->info().error(), log_error::kServerUnavailable);
  EXPECT_TRUE(api_->info());
  EXPECT_EQ(subscribe().error(), log_error::kAccessDenied);
  auto subscription = *subscribe();
  EXPECT_EQ(error_of(*subscription), log_error::kTimeout);
}

}  // namespace
}  // namespace blockwatch
