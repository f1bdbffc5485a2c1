#include "monitor/monitor.h"

#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include "monitor/wait.h"
#include "tests/support/eventually.h"

namespace blockwatch {
namespace {

// Does what a test tells it to.
class ScriptedSource final : public EventSource {
 public:
  using Run = std::function<Result<void>(const BatchFn&, SourceReport&, std::stop_token)>;
  explicit ScriptedSource(Run run) : run_(std::move(run)) {}
  const std::string& name() const override { return name_; }
  Result<void> run(const PositionFn&, const BatchFn& emit, SourceReport& report,
                   std::stop_token stop) override {
    return run_(emit, report, stop);
  }

 private:
  const std::string name_ = "test:source";
  const Run run_;
};

class MonitorTest : public testing::Test {
 protected:
  std::atomic<int> batches_{0};
  std::atomic<int> logged_{0};
  Monitor monitor_{[](const std::string&) -> Result<std::string> { return std::string{}; },
                   [this](EventBatch&&) {
                     ++batches_;
                     return true;
                   },
                   [this](const std::string&, const std::string&) { ++logged_; }};

  SourceState state() const { return monitor_.status().at(0).report.state; }
};

TEST_F(MonitorTest, RunsASourceToItsEnd) {
  monitor_.add(std::make_unique<ScriptedSource>(
      [](const BatchFn& emit, SourceReport&, std::stop_token) -> Result<void> {
        emit(EventBatch{});
        return {};
      }));
  EXPECT_TRUE(eventually([&] { return state() == SourceState::kFinished; }));
  EXPECT_EQ(batches_, 1);
  EXPECT_EQ(monitor_.status().at(0).name, "test:source");
}

TEST_F(MonitorTest, StartsAFailedSourceAgainAndTellsWhy) {
  std::atomic<int> runs{0};
  monitor_.add(std::make_unique<ScriptedSource>(
      [&](const BatchFn&, SourceReport&, std::stop_token) -> Result<void> {
        if (++runs == 1) return make_error(ErrorCode::kIo, "the disk is gone");
        return {};
      }));
  EXPECT_TRUE(eventually([&] { return state() == SourceState::kFinished; }));
  EXPECT_EQ(runs, 2);
  EXPECT_EQ(logged_, 1);
  EXPECT_EQ(monitor_.status().at(0).report.last_error, "the disk is gone");
}

TEST_F(MonitorTest, AnExceptionIsAFailureOfTheSourceOnly) {
  monitor_.add(std::make_unique<ScriptedSource>(
      [](const BatchFn&, SourceReport&, std::stop_token) -> Result<void> {
        throw std::runtime_error("thrown");
      }));
  EXPECT_TRUE(eventually([&] { return state() == SourceState::kFailed; }));
  EXPECT_EQ(monitor_.status().at(0).report.last_error, "thrown");
}

TEST_F(MonitorTest, StopEndsAWaitingSource) {
  monitor_.add(std::make_unique<ScriptedSource>(
      [](const BatchFn&, SourceReport& report, std::stop_token stop) -> Result<void> {
        report.set_state(SourceState::kFollowing);
        while (wait_for(stop, std::chrono::hours(1))) {
        }
        return {};
      }));
  EXPECT_TRUE(eventually([&] { return state() == SourceState::kFollowing; }));
  monitor_.stop();
  EXPECT_EQ(state(), SourceState::kFinished);
}

// Delivers a step behind the position it is given, and fails.
class SteppingSource final : public EventSource {
 public:
  const std::string& name() const override { return name_; }
  Result<void> run(const PositionFn& position_of, const BatchFn& emit, SourceReport&,
                   std::stop_token) override {
    const auto position = position_of(name_);
    if (!position) return tl::unexpected(position.error());
    const int next = (position->empty() ? 0 : std::stoi(*position)) + 1;
    emit(EventBatch{.source = name_, .position = std::to_string(next), .lost = 1});
    emit(EventBatch{.source = "another", .position = "100"});
    if (next >= 3) return {};
    return make_error(ErrorCode::kIo, "it fails");
  }

 private:
  const std::string name_ = "test:source";
};

// The queue may hold for minutes what a source has handed on, and the source fail meanwhile.
TEST(Monitor, ASourceGoesOnBehindWhatWasTakenAndIsNotYetStored) {
  std::mutex mutex;
  std::vector<std::string> positions;
  Monitor monitor([](const std::string&) -> Result<std::string> { return std::string("1"); },
                  [&](EventBatch&& batch) {
                    const std::lock_guard lock(mutex);
                    if (batch.source == "test:source") positions.push_back(batch.position);
                    return true;
                  },
                  [](const std::string&, const std::string&) {});
  monitor.add(std::make_unique<SteppingSource>());
  EXPECT_TRUE(
      eventually([&] { return monitor.status().at(0).report.state == SourceState::kFinished; }));
  EXPECT_EQ(positions, (std::vector<std::string>{"2", "3"}));
}

// A new store was begun: nothing counts as delivered, also what waits to be stored in it.
TEST(Monitor, ASourceBeginsAnewWhereTheStoreTellsNoPosition) {
  std::atomic<int> batches{0};
  std::atomic<bool> wrong{false};
  Monitor monitor([](const std::string&) -> Result<std::string> { return std::string(); },
                  [&](EventBatch&& batch) {
                    wrong = wrong || (batch.source == "test:source" && batch.position != "1");
                    ++batches;
                    return true;
                  },
                  [](const std::string&, const std::string&) {});
  monitor.add(std::make_unique<SteppingSource>());
  EXPECT_TRUE(eventually([&] { return batches >= 4; }));
  EXPECT_FALSE(wrong);
}

TEST_F(MonitorTest, RepeatsWhatCanBeReadAgain) {
  std::atomic<int> runs{0};
  monitor_.add(std::make_unique<ScriptedSource>(
      [&](const BatchFn&, SourceReport& report, std::stop_token stop) -> Result<void> {
        ++runs;
        report.set_state(SourceState::kFollowing);
        wait_for(stop, std::chrono::seconds(30));
        return {};
      }));
  EXPECT_TRUE(eventually([&] { return runs == 1; }));
  monitor_.repeat();
  EXPECT_TRUE(eventually([&] { return runs == 2; }));
  EXPECT_EQ(state(), SourceState::kFollowing);
  monitor_.stop();
  EXPECT_EQ(runs, 2);
}

}  // namespace
}  // namespace blockwatch
