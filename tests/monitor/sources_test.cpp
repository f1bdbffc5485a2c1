#include "monitor/sources.h"

#include <gtest/gtest.h>

#include <thread>

#include "tests/monitor/collector.h"
#include "tests/support/demo_log.h"
#include "tests/support/eventually.h"
#include "tests/support/temp_dir.h"

namespace blockwatch {
namespace {

TEST(SourcesTest, EverySpecHasItsName) {
  const auto name = [](const char* spec) { return (*make_source(spec, kBlocksAndDrops))->name(); };
  EXPECT_EQ(name("evtx:/var/log/Security.evtx"), "evtx:Security.evtx");
  EXPECT_EQ(name("dir:/var/log/events"), "dir:/var/log/events");
  EXPECT_EQ(name("stdin:jsonl"), "jsonl:stdin");
  EXPECT_EQ(name("stdin:xml"), "xml:stdin");
  EXPECT_EQ(name("demo:x.evtx"), "demo");
  EXPECT_EQ(*make_source("none", kBlocksAndDrops), nullptr);
}

TEST(SourcesTest, ABadSpecNamesWhatIsExpected) {
  for (const char* spec : {"", "evtx", "evtx:", "dir:", "stdin:csv", "windows:", "none:x", "nflog",
                           "nflog:", "nflog:x", "nflog:65536", "nflog:-1", "nflog:1 "}) {
    const auto source = make_source(spec, kBlocksAndDrops);
    ASSERT_FALSE(source) << spec;
    EXPECT_EQ(source.error().code, ErrorCode::kInvalidArgument);
    EXPECT_NE(source.error().message.find("evtx:FILE"), std::string::npos);
  }
}

TEST(SourcesTest, LiveSourcesOfWindowsSaySoElsewhere) {
#ifndef _WIN32
  for (const char* spec : {"windows", "netevent"}) {
    const auto source = make_source(spec, kBlocksAndDrops);
    ASSERT_FALSE(source) << spec;
    EXPECT_EQ(source.error().code, ErrorCode::kUnsupported);
    EXPECT_NE(source.error().message.find("on Windows only"), std::string::npos);
  }
#endif
}

TEST(SourcesTest, LiveSourcesOfLinux) {
#ifdef __linux__
  EXPECT_EQ((*make_source("nflog:0", kBlocksAndDrops))->name(), "nflog:0");
  // With the rights or without them.
  const auto live = make_source("auto", kBlocksAndDrops);
  if (live) {
    EXPECT_EQ((*live)->name(), "nflog:8470");
  } else {
    EXPECT_FALSE(live.error().message.empty());
  }
#else
  EXPECT_EQ(make_source("nflog:1", kBlocksAndDrops).error().code, ErrorCode::kUnsupported);
#endif
}

TEST(SourcesTest, TheDemoReplaysItsLogAsIfItHappenedAtPresent) {
  const TempDir dir;
  const auto source = make_source("demo:" + dir.write("demo.evtx", demo_log()), kBlocksAndDrops);
  const Timestamp before = now();
  std::mutex mutex;
  std::vector<Timestamp> times;
  const BatchFn emit = [&](EventBatch&& batch) {
    std::lock_guard lock(mutex);
    EXPECT_EQ(batch.source, "demo");
    for (const Event& e : batch.list.events) {
      EXPECT_EQ(e.source, "demo");
      times.push_back(e.time);
    }
    return true;
  };
  SourceReport report;
  std::jthread thread([&](std::stop_token stop) { (void)(*source)->run({}, emit, report, stop); });
  EXPECT_TRUE(eventually([&] {
    std::lock_guard lock(mutex);
    return times.size() >= 3;
  }));
  thread.request_stop();
  thread.join();
  EXPECT_GE(times.front(), before);
  EXPECT_LT(times[0], times[1]);
}

}  // namespace
}  // namespace blockwatch
