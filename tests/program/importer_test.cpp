#include "server/importer.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "tests/support/eventually.h"
#include "tests/support/rendered_event.h"
#include "tests/support/temp_dir.h"

namespace blockwatch {
namespace {

class ImporterTest : public testing::Test {
 protected:
  ImportReport import(const std::string& path, ImportOptions options = {}) {
    auto file = EventFile::open(path);
    EXPECT_TRUE(file);
    ImportReport report;
    result_ = import_events(*file, writer_, options, report);
    return report;
  }

  TempDir dir_;
  CommitSignal commits_;
  EventWriter writer_{*Store::open({.path = dir_.path("test.db")}), commits_, {}};
  Result<void> result_;
};

TEST_F(ImporterTest, ReportsWhatItFoundAndStored) {
  const auto report = import(dir_.write("log.xml", rendered_events(1, 1000)));
  EXPECT_TRUE(result_);
  EXPECT_EQ(report.source, "xml:log.xml");
  EXPECT_EQ(report.format, "xml");
  EXPECT_EQ(report.file.records, 1000U);
  EXPECT_EQ(report.file.wanted, 1000U);
  EXPECT_EQ(report.stored, 1000U);
  EXPECT_EQ(report.duplicate, 0U);
  EXPECT_EQ(commits_.newest_seq(), 1000U);
}

TEST_F(ImporterTest, AnOverlappingFileAddsOnlyWhatIsNew) {
  import(dir_.write("log.xml", rendered_events(1, 10)));
  const auto report = import(dir_.write("other.xml", rendered_events(6, 15)));
  EXPECT_EQ(report.stored, 5U);
  EXPECT_EQ(report.duplicate, 5U);
}

TEST_F(ImporterTest, CountsDamageAndStoresTheRest) {
  const auto report = import(
      dir_.write("log.xml", rendered_event(1) + "<Event><System></Event>" + rendered_event(2)));
  EXPECT_TRUE(result_);
  EXPECT_EQ(report.stored, 2U);
  EXPECT_EQ(report.file.damaged, 1U);
  ASSERT_EQ(report.file.damage.size(), 1U);
  EXPECT_EQ(report.file.damage[0].offset, rendered_event(1).size());
}

TEST_F(ImporterTest, StoresOnlyTheRecordedActions) {
  const std::string path = dir_.write("log.xml", rendered_event(1, 5157) + rendered_event(2, 5156));
  EXPECT_EQ(import(path).stored, 1U);
  EXPECT_EQ(import(path, {.record = kAllActions}).stored, 1U);
}

// What the damaged store had of the file is not in the new one.
TEST(Importer, AnImportWhoseStoreWasSetAsideSaysSo) {
  const TempDir dir;
  const std::string path = dir.path("set.db");
  Store::open({.path = path}).value();
  CommitSignal commits;
  std::atomic<bool> reads{false};
  EventWriter writer(
      nullptr, commits, {},
      {.open = [&](const std::string&) -> Result<std::unique_ptr<Store>> {
         if (!reads) return make_error(ErrorCode::kUnavailable, "not yet");
         return Store::open({.path = path, .set_aside_damaged = true, .damage = "a page"});
       },
       .begun_anew = [] {}});
  std::jthread watch(
      [&] { reads = eventually([&] { return writer.counters().queued_batches > 0; }); });
  auto file = EventFile::open(dir.write("log.xml", rendered_events(1, 10)));
  ASSERT_TRUE(file);
  ImportReport report;
  const auto done = import_events(*file, writer, {}, report);
  ASSERT_EQ(writer.epoch(), 1U);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ErrorCode::kUnavailable);
}

TEST_F(ImporterTest, AStoppedImportSaysSo) {
  std::stop_source stop;
  stop.request_stop();
  import(dir_.write("log.xml", rendered_events(1, 10)), {.stop = stop.get_token()});
  ASSERT_FALSE(result_);
  EXPECT_EQ(result_.error().code, ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace blockwatch
