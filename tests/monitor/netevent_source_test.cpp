#include "monitor/netevent_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "storage/event_store.h"
#include "tests/monitor/fake_net_events.h"
#include "tests/support/temp_dir.h"

namespace blockwatch {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// Runs the source on a false engine in the test's own thread. A step is done whenever it asks
// whether the engine lives; after the last one it is stopped.
class NetEventSourceTest : public testing::Test {
 protected:
  using Steps = std::vector<std::function<void()>>;

  NetEventSourceTest() {
    engine_.asked = [this] {
      if (asked_++ == 0) return;  // before it reads what is held
      if (next_step_ < steps_.size()) {
        steps_[next_step_++]();
      } else {
        stop_.request_stop();
      }
    };
  }

  Result<void> run(Steps steps = {}) {
    steps_ = std::move(steps);
    asked_ = 0;
    next_step_ = 0;
    stop_ = std::stop_source();
    if (!source_) source_ = make_netevent_source(engine_.api(), options_);
    const auto emit = [this](EventBatch&& batch) {
      for (const Event& e : batch.list.events) ports_.push_back(e.remote_port.value_or(0));
      facts_.insert(facts_.end(), batch.facts.begin(), batch.facts.end());
      lost_ += batch.lost;
      damaged_ += batch.damaged;
      position_ = batch.position;
      if (store_) {
        EXPECT_TRUE(store_->append(batch));
      }
      return true;
    };
    return source_->run(
        [this](const std::string& name) -> Result<std::string> {
          EXPECT_EQ(name, "netevent");
          return position_;
        },
        emit, report_, stop_.get_token());
  }

  void happen(std::uint16_t first, std::uint16_t last) {
    for (std::uint16_t n = first; n <= last; ++n) engine_.happen(net_block(n));
  }
  std::function<void()> happening(std::uint16_t first, std::uint16_t last) {
    return [this, first, last] { happen(first, last); };
  }

  std::vector<CoverageFact> told(CoverageKind kind) const {
    std::vector<CoverageFact> all;
    for (const auto& f : facts_) {
      if (f.kind == kind && !f.ends_open) all.push_back(f);
    }
    return all;
  }

  static std::vector<std::uint16_t> ports(std::uint16_t first, std::uint16_t last) {
    std::vector<std::uint16_t> all(static_cast<std::size_t>(last - first + 1));
    std::iota(all.begin(), all.end(), first);
    return all;
  }

  FakeNetEvents engine_;
  NetEventOptions options_{.look_interval = std::chrono::milliseconds(0),
                           .position_interval = std::chrono::hours(1)};
  std::vector<std::uint16_t> ports_;
  std::vector<CoverageFact> facts_;
  std::uint64_t lost_ = 0;
  std::uint64_t damaged_ = 0;
  std::string position_;
  SourceReport report_;
  std::unique_ptr<Store> store_;

 private:
  std::unique_ptr<EventSource> source_;
  Steps steps_;
  int asked_ = 0;
  std::size_t next_step_ = 0;
  std::stop_source stop_;
};

TEST_F(NetEventSourceTest, GivesWhatTheEngineHoldsInOrderAndThenWhatComes) {
  happen(1, 5);
  ASSERT_TRUE(run({happening(6, 8), happening(9, 9)}));
  EXPECT_EQ(ports_, ports(1, 9));
  EXPECT_EQ(report_.snapshot().state, SourceState::kFollowing);
  EXPECT_THAT(told(CoverageKind::kRecordsMissing), IsEmpty());
  EXPECT_FALSE(engine_.is_open());
}

TEST_F(NetEventSourceTest, WhatComesWhileTheHeldAreReadIsGivenOnce) {
  happen(1, 3);
  const auto asked = engine_.asked;
  bool first = true;
  engine_.asked = [&, asked] {
    if (std::exchange(first, false)) happen(4, 6);  // subscribed, and not yet asked what it holds
    asked();
  };
  ASSERT_TRUE(run());
  EXPECT_EQ(ports_, ports(1, 6));
}

TEST_F(NetEventSourceTest, ARestartGivesWhatHappenedMeanwhileAndNothingTwice) {
  happen(1, 40);
  ASSERT_TRUE(run({happening(41, 45)}));
  happen(46, 60);
  ASSERT_TRUE(run({happening(61, 61)}));
  // Of forty within five seconds the position keeps 32; the store knows the others.
  std::erase_if(ports_, [](std::uint16_t port) { return port < 14; });
  EXPECT_EQ(ports_, ports(14, 61));
  EXPECT_THAT(told(CoverageKind::kRecordsMissing), IsEmpty());
}

TEST_F(NetEventSourceTest, TheStoreHoldsEachEventOnceWhateverIsGivenAgain) {
  const TempDir folder;
  store_ = std::move(*Store::open({folder.path("events.db")}));
  happen(1, 100);
  ASSERT_TRUE(run());
  happen(101, 120);
  ASSERT_TRUE(run());
  EXPECT_GT(ports_.size(), 120U);
  const auto reader = std::move(*StoreReader::open(folder.path("events.db")));
  EXPECT_EQ(reader->status()->rows, 120U);
}

TEST_F(NetEventSourceTest, AHoleIsToldWhenTheEngineHoldsNothingFromBefore) {
  happen(1, 3);
  ASSERT_TRUE(run());
  engine_.most_held = 10;
  happen(10, 99);  // those from 10 to 89 are gone
  ASSERT_TRUE(run());
  EXPECT_EQ(ports_.size(), 13U);
  const auto holes = told(CoverageKind::kRecordsMissing);
  ASSERT_EQ(holes.size(), 1U);
  EXPECT_EQ(holes[0].missing_records, std::nullopt);
  EXPECT_LE(holes[0].start, *holes[0].end);
}

TEST_F(NetEventSourceTest, ALostSessionIsAFailureWithItsGapAndTheNextRunEndsIt) {
  happen(1, 2);
  const auto done = run({happening(3, 3), [this] {
                           happen(4, 4);
                           engine_.restart();
                         }});
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(done.error().message, HasSubstr("Base Filtering Engine"));
  EXPECT_EQ(ports_, ports(1, 4));  // what was told before is not lost
  ASSERT_EQ(told(CoverageKind::kSourceDown).size(), 1U);
  EXPECT_EQ(told(CoverageKind::kSourceDown)[0].end, std::nullopt);

  facts_.clear();
  happen(5, 6);
  ASSERT_TRUE(run());
  EXPECT_EQ(ports_, ports(1, 6));
  ASSERT_FALSE(facts_.empty());
  EXPECT_EQ(told(CoverageKind::kRecordsMissing).size(), 1U);
  EXPECT_TRUE(facts_.back().ends_open);
  EXPECT_EQ(facts_.back().kind, CoverageKind::kSourceDown);
}

TEST_F(NetEventSourceTest, AnEngineThatCollectsNothingIsAClearFailure) {
  engine_.collects = false;
  const auto done = run();
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().message, HasSubstr("netevents=on"));
  EXPECT_EQ(told(CoverageKind::kSourceDown).size(), 1U);
  engine_.collects = true;
  ASSERT_FALSE(run({[this] { engine_.collects = false; }}));  // also when it is switched off later
}

TEST_F(NetEventSourceTest, ErrorsOfWindowsAreTold) {
  engine_.open_error = 5;
  EXPECT_EQ(run().error().code, ErrorCode::kPermission);
  engine_.open_error = 0x80320013;
  EXPECT_THAT(run().error().message, HasSubstr("netevents=on"));
  engine_.open_error = 0;
  engine_.held_error = 1726;
  EXPECT_EQ(run().error().code, ErrorCode::kUnavailable);
  EXPECT_FALSE(engine_.is_open());
}

TEST_F(NetEventSourceTest, AFloodIsCountedExactly) {
  options_.queue = 1'000;
  ASSERT_TRUE(run({happening(1, 50'000), happening(50'001, 50'001)}));
  EXPECT_EQ(ports_.size(), 1'001U);
  EXPECT_EQ(lost_, 49'000U);
  const auto dropped = told(CoverageKind::kRecordsDropped);
  ASSERT_EQ(dropped.size(), 1U);
  EXPECT_EQ(dropped[0].missing_records, 49'000U);
  EXPECT_EQ(dropped[0].start, from_filetime(net_block(1'001).time));
  EXPECT_EQ(dropped[0].end, from_filetime(net_block(50'000).time));
}

TEST_F(NetEventSourceTest, OtherKindsAreCountedInThePosition) {
  NetEvent other = net_block();
  other.type = static_cast<NetEventType>(0);
  ASSERT_TRUE(run({[&] {
    engine_.happen(other);
    engine_.happen(other);
  }}));
  EXPECT_THAT(ports_, IsEmpty());
  EXPECT_THAT(position_, testing::EndsWith(" 2"));
}

TEST_F(NetEventSourceTest, AnImpossibleTimeIsDamage) {
  NetEvent e = net_block();
  e.time = 1;
  ASSERT_TRUE(run({[&] { engine_.happen(e); }}));
  EXPECT_THAT(ports_, IsEmpty());
  EXPECT_EQ(damaged_, 1U);
}

TEST_F(NetEventSourceTest, OnlyWhatIsToBeRecordedIsGiven) {
  options_.record = ActionSet{};
  options_.record.add(Action::kDrop);
  NetEvent packet = net_block(2);
  packet.layer_id = 13;
  ASSERT_TRUE(run({[&] {
    happen(1, 1);
    engine_.happen(packet);
  }}));
  EXPECT_THAT(ports_, ElementsAre(2));
}

TEST_F(NetEventSourceTest, AClockThatWasSetBackHidesNothing) {
  NetEvent future = net_block(1);
  future.time = to_filetime(Timestamp{now().ticks + 3600 * Timestamp::kTicksPerSecond});
  engine_.happen(future);
  ASSERT_TRUE(run());
  happen(2, 3);
  ASSERT_TRUE(run());
  EXPECT_THAT(ports_, ElementsAre(1, 2, 3));
}

}  // namespace
}  // namespace blockwatch
