#include <gtest/gtest.h>

#include <thread>

#include "monitor/sources.h"
#include "tests/monitor/collector.h"
#include "tests/support/eventually.h"
#include "tests/support/rendered_event.h"
#include "tests/support/temp_dir.h"

namespace blockwatch {
namespace {

class DirSourceTest : public testing::Test {
 protected:
  void start() {
    source_ = make_dir_source(dir_.path(), kBlocksAndDrops);
    thread_ = std::jthread([this](std::stop_token stop) {
      result_ = source_->run(collector_.position_of(), collector_.emit(), report_, stop);
    });
  }
  void stop() {
    thread_.request_stop();
    thread_.join();
  }
  bool has(std::size_t events) {
    return eventually([&] { return collector_.record_ids().size() == events; });
  }

  TempDir dir_;
  Collector collector_;
  SourceReport report_;
  Result<void> result_;
  std::unique_ptr<EventSource> source_;
  std::jthread thread_;
};

TEST_F(DirSourceTest, ReadsWhatIsThereAndWhatAppears) {
  dir_.write("b.xml", rendered_events(11, 12));
  dir_.write("a.xml", rendered_events(1, 2));
  dir_.write("notes.txt", "not an event file");
  start();
  ASSERT_TRUE(has(4));
  EXPECT_EQ(collector_.record_ids(), (std::vector<std::uint64_t>{1, 2, 11, 12}));
  dir_.write("c.XML", rendered_events(21, 21));
  ASSERT_TRUE(has(5));
  EXPECT_EQ(collector_.sources().back(), "xml:c.XML");
  stop();
  EXPECT_TRUE(result_);
}

TEST_F(DirSourceTest, DoesNotReadAFileTwiceAcrossRestarts) {
  dir_.write("a.xml", rendered_events(1, 2));
  start();
  ASSERT_TRUE(eventually([&] { return collector_.positions().count("xml:a.xml") == 1; }));
  stop();
  dir_.write("b.xml", rendered_events(3, 3));
  start();
  ASSERT_TRUE(has(3));
  stop();
  EXPECT_EQ(collector_.record_ids(), numbers(1, 3));
}

TEST_F(DirSourceTest, ReadsAFileAgainWhenItHasChanged) {
  dir_.write("a.xml", rendered_events(1, 1));
  start();
  ASSERT_TRUE(has(1));
  dir_.write("a.xml", rendered_events(1, 2));
  // Both records come again; the store knows the first one.
  ASSERT_TRUE(has(3));
  stop();
}

TEST_F(DirSourceTest, ABadFileKeepsNobodyOut) {
  dir_.write("a.evtx", "this is no event log");
  dir_.write("b.xml", rendered_events(1, 1));
  start();
  ASSERT_TRUE(has(1));
  EXPECT_EQ(collector_.damaged(), 1U);
  EXPECT_NE(report_.snapshot().last_error.find("a.evtx"), std::string::npos);
  stop();
}

TEST_F(DirSourceTest, AMissingFolderIsAFailure) {
  source_ = make_dir_source(dir_.path("none"), kBlocksAndDrops);
  EXPECT_FALSE(source_->run(collector_.position_of(), collector_.emit(), report_, {}));
}

}  // namespace
}  // namespace blockwatch
