#include <gtest/gtest.h>

#include <thread>

#include "monitor/sources.h"
#include "tests/monitor/collector.h"
#include "tests/support/demo_log.h"
#include "tests/support/eventually.h"
#include "tests/support/temp_dir.h"

namespace blockwatch {
namespace {

constexpr std::size_t kHeaderBytes = 4096;
constexpr std::size_t kChunkBytes = 65536;

class EvtxSourceTest : public testing::Test {
 protected:
  // The first `chunks` chunks of the log, as a copy of a growing log would have.
  void write_chunks(std::size_t chunks) {
    dir_.write("Security.evtx", whole_.substr(0, kHeaderBytes + chunks * kChunkBytes));
  }
  void start() {
    source_ = make_evtx_source(dir_.path("Security.evtx"), kAllActions);
    thread_ = std::jthread([this](std::stop_token stop) {
      result_ = source_->run(collector_.position_of(), collector_.emit(), report_, stop);
    });
  }
  void stop() {
    thread_.request_stop();
    thread_.join();
  }
  // Events read and the position behind them kept.
  bool has(std::size_t events) {
    return eventually([&] {
      return collector_.record_ids().size() == events &&
             report_.snapshot().state == SourceState::kFollowing;
    });
  }

  const std::string whole_ = demo_log();
  TempDir dir_;
  Collector collector_;
  SourceReport report_;
  Result<void> result_;
  std::unique_ptr<EventSource> source_;
  std::jthread thread_;
};

TEST_F(EvtxSourceTest, FollowsAGrowingLogInOrder) {
  write_chunks(1);
  start();
  ASSERT_TRUE(has(10));
  write_chunks(2);
  ASSERT_TRUE(has(16));
  write_chunks(3);
  ASSERT_TRUE(has(20));
  stop();
  EXPECT_TRUE(result_);
  const auto ids = collector_.record_ids();
  EXPECT_TRUE(std::is_sorted(ids.begin(), ids.end()));
  EXPECT_EQ(collector_.sources().front(), "evtx:Security.evtx");
  EXPECT_EQ(collector_.damaged(), 0U);
}

TEST_F(EvtxSourceTest, GoesOnAfterItsPosition) {
  write_chunks(1);
  start();
  ASSERT_TRUE(has(10));
  stop();
  write_chunks(3);
  start();
  ASSERT_TRUE(has(20));
  stop();
}

TEST_F(EvtxSourceTest, ReadsALogThatStartsAgainAnew) {
  write_chunks(3);
  start();
  ASSERT_TRUE(has(20));
  write_chunks(1);  // as after a clear: the newest number is lower than the position
  ASSERT_TRUE(has(30));
  stop();
}

TEST_F(EvtxSourceTest, CountsTheSameDamageOnce) {
  std::string damaged = whole_;
  damaged[kHeaderBytes + kChunkBytes] = 'X';  // magic of the second chunk
  dir_.write("Security.evtx", damaged);
  start();
  ASSERT_TRUE(has(14));
  EXPECT_EQ(collector_.damaged(), 1U);
  dir_.write("Security.evtx", damaged + std::string(kChunkBytes, '\0'));
  EXPECT_TRUE(eventually([&] {
    return collector_.positions().begin()->second.find(
               std::to_string(damaged.size() + kChunkBytes)) != std::string::npos;
  }));
  stop();
  EXPECT_EQ(collector_.damaged(), 1U);
}

TEST_F(EvtxSourceTest, CountsDamageBeyondTheNotes) {
  dir_.write("Security.evtx", whole_ + std::string(1200 * kChunkBytes, 'X'));
  start();
  ASSERT_TRUE(has(20));
  stop();
  EXPECT_EQ(collector_.damaged(), 1200U);
}

TEST_F(EvtxSourceTest, AMissingFileIsAFailure) {
  source_ = make_evtx_source(dir_.path("none.evtx"), kAllActions);
  EXPECT_FALSE(source_->run(collector_.position_of(), collector_.emit(), report_, {}));
}

}  // namespace
}  // namespace blockwatch
