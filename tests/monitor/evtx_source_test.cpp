#include <gtest/gtest.h>

#include <algorithm>
#include <set>
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
  // That many different events were read. A log that has changed is read as a whole: what comes
  // again is for the store to recognise.
  bool has(std::size_t events) {
    return eventually([&] {
      const auto ids = collector_.record_ids();
      return std::set(ids.begin(), ids.end()).size() == events &&
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
  EXPECT_TRUE(std::is_sorted(ids.end() - 20, ids.end()));
  EXPECT_EQ(collector_.sources().front(), "evtx:Security.evtx");
  EXPECT_EQ(collector_.damaged(), 0U);
}

TEST_F(EvtxSourceTest, AnUnchangedLogIsNotReadAgainAfterARestart) {
  write_chunks(2);
  start();
  ASSERT_TRUE(eventually([&] { return !collector_.positions().empty(); }));
  stop();
  start();
  EXPECT_TRUE(eventually([&] { return report_.snapshot().state == SourceState::kFollowing; }));
  stop();
  EXPECT_EQ(collector_.record_ids().size(), 16U);
  write_chunks(3);
  start();
  EXPECT_TRUE(has(20));
  stop();
}

TEST_F(EvtxSourceTest, ReadsALogThatReplacedAnotherWhateverItsNumbers) {
  write_chunks(3);
  start();
  ASSERT_TRUE(has(20));
  const std::size_t before = collector_.record_ids().size();
  write_chunks(1);
  EXPECT_TRUE(eventually([&] { return collector_.record_ids().size() == before + 10; }));
  stop();
}

// A copy of a log that has wrapped brings its newest records first.
TEST_F(EvtxSourceTest, OlderRecordsThatArriveLaterAreRead) {
  const std::string header = whole_.substr(0, kHeaderBytes);
  const std::string first = whole_.substr(kHeaderBytes, kChunkBytes);
  const std::string second = whole_.substr(kHeaderBytes + kChunkBytes, kChunkBytes);
  dir_.write("Security.evtx", header + second);
  start();
  ASSERT_TRUE(has(6));
  dir_.write("Security.evtx", header + second + first);
  EXPECT_TRUE(has(16));
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
