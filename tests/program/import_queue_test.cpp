#include "server/import_queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <filesystem>
#include <new>

#include "tests/support/eventually.h"
#include "tests/support/rendered_event.h"
#include "tests/support/temp_dir.h"

namespace blockwatch {
namespace {

http::BodyReader body_of(std::string text) {
  return [text = std::move(text), at = std::size_t{0}](
             char* buffer, std::size_t size) mutable -> Result<std::size_t> {
    const std::size_t n = std::min(size, text.size() - at);
    std::memcpy(buffer, text.data() + at, n);
    at += n;
    return n;
  };
}

class ImportQueueTest : public testing::Test {
 protected:
  ImportJob finished(const std::string& id) {
    EXPECT_TRUE(eventually([&] {
      const auto job = queue_.find(id);
      return job && (job->state == ImportState::kDone || job->state == ImportState::kFailed);
    }));
    return queue_.find(id).value_or(ImportJob{});
  }

  bool spool_is_empty() const {
    return !std::filesystem::exists(dir_.path("imports")) ||
           std::filesystem::is_empty(dir_.path("imports"));
  }

  TempDir dir_;
  CommitSignal commits_;
  EventWriter writer_{*Store::open({.path = dir_.path("test.db")}), commits_, {}};
  std::atomic<std::uint64_t> committed_{0};
  ImportQueue queue_{writer_, dir_.path("imports"), kBlocksAndDrops,
                     [this](const AppendResult& r) { committed_ += r.stored + r.duplicate; }};
};

TEST_F(ImportQueueTest, ReadsAnUploadAndKeepsItsReport) {
  const auto id = queue_.start(
      {.body = body_of(rendered_events(1, 100)), .name = "upload.xml", .sent_bytes = 42});
  ASSERT_TRUE(id);
  const ImportJob job = finished(*id);
  EXPECT_EQ(job.state, ImportState::kDone);
  EXPECT_EQ(job.sent_bytes, 42U);
  ASSERT_TRUE(job.report);
  EXPECT_EQ(job.report->source, "xml:upload.xml");
  EXPECT_EQ(job.report->stored, 100U);
  EXPECT_TRUE(job.finished);
  EXPECT_TRUE(eventually([&] { return spool_is_empty(); }));
}

TEST_F(ImportQueueTest, JobsRunOneAfterTheOther) {
  std::vector<std::string> ids;
  for (int i = 0; i < 5; ++i) {
    const auto id = queue_.start({.body = body_of(rendered_events(1, 50)), .name = "x.xml"});
    ASSERT_TRUE(id);
    ids.push_back(*id);
  }
  std::uint64_t stored = 0;
  for (const auto& id : ids) stored += finished(id).report->stored;
  EXPECT_EQ(stored, 50U);
  EXPECT_EQ(committed_, 250U);
}

TEST_F(ImportQueueTest, RefusesWhatIsNoEventFileAndNamesNoPath) {
  for (const char* text : {"", "hello"}) {
    const auto id = queue_.start({.body = body_of(text), .name = "x"});
    ASSERT_FALSE(id);
    EXPECT_EQ(id.error().code, ErrorCode::kInvalidArgument);
    EXPECT_EQ(id.error().message.find(dir_.path()), std::string::npos) << id.error().message;
  }
  EXPECT_TRUE(spool_is_empty());
}

TEST_F(ImportQueueTest, AnExceptionTakesNoPlaceForEver) {
  for (std::size_t i = 0; i <= ImportQueue::kMaxWaiting; ++i) {
    try {
      const auto id = queue_.start(
          {.body = [](char*, std::size_t) -> Result<std::size_t> { throw std::bad_alloc(); },
           .name = "x.xml"});
      EXPECT_EQ(id.error().code, ErrorCode::kInternal);
    } catch (const std::bad_alloc&) {
      ADD_FAILURE() << "the exception comes through";
    }
  }
  EXPECT_TRUE(spool_is_empty());
  EXPECT_TRUE(queue_.start({.body = body_of(rendered_events(1, 5)), .name = "x.xml"}));
}

TEST_F(ImportQueueTest, ABrokenUploadLeavesNothing) {
  const auto id = queue_.start({.body = [](char*, std::size_t) -> Result<std::size_t> {
                                  return make_error(ErrorCode::kUnavailable, "stalled");
                                },
                                .name = "x"});
  ASSERT_FALSE(id);
  EXPECT_EQ(id.error().code, ErrorCode::kUnavailable);
  EXPECT_TRUE(spool_is_empty());
}

TEST_F(ImportQueueTest, UnknownJobsAreNotFound) {
  EXPECT_FALSE(queue_.find("1"));
  EXPECT_FALSE(queue_.find(""));
}

TEST_F(ImportQueueTest, RemovesWhatAnEarlierRunLeftInItsFolderOnly) {
  const TempDir other;
  std::filesystem::create_directory(other.path("spool"));
  other.write("spool/7", "left over");
  other.write("7", "of somebody else");
  other.write("spool/notes.txt", "no upload");
  const ImportQueue queue(writer_, other.path("spool"), kBlocksAndDrops);
  EXPECT_FALSE(std::filesystem::exists(other.path("spool/7")));
  EXPECT_TRUE(std::filesystem::exists(other.path("7")));
  EXPECT_TRUE(std::filesystem::exists(other.path("spool/notes.txt")));
#ifndef _WIN32
  // Not even its own kind behind a link.
  std::filesystem::create_directory(other.path("victim"));
  other.write("victim/8", "kept");
  std::filesystem::create_directory_symlink(other.path("victim"), other.path("link"));
  const ImportQueue linked(writer_, other.path("link"), kBlocksAndDrops);
  EXPECT_TRUE(std::filesystem::exists(other.path("victim/8")));
#endif
}

#ifndef _WIN32
TEST_F(ImportQueueTest, ItsFolderIsForItsUserAndNoLink) {
  ASSERT_TRUE(queue_.start({.body = body_of(rendered_events(1, 1)), .name = "x.xml"}));
  using std::filesystem::perms;
  EXPECT_EQ(std::filesystem::status(dir_.path("imports")).permissions() & perms::all,
            perms::owner_all);
  std::filesystem::create_directory(dir_.path("elsewhere"));
  std::filesystem::create_directory_symlink(dir_.path("elsewhere"), dir_.path("link"));
  ImportQueue queue(writer_, dir_.path("link"), kBlocksAndDrops);
  const auto id = queue.start({.body = body_of(rendered_events(1, 1)), .name = "x.xml"});
  ASSERT_FALSE(id);
  EXPECT_EQ(id.error().code, ErrorCode::kIo);
}
#endif

TEST_F(ImportQueueTest, TakesNoMoreAfterStop) {
  queue_.stop();
  const auto id = queue_.start({.body = body_of(rendered_events(1, 1)), .name = "x.xml"});
  ASSERT_FALSE(id);
  EXPECT_EQ(id.error().code, ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace blockwatch
