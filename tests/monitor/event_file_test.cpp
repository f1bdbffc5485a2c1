#include "monitor/event_file.h"

#include <gtest/gtest.h>

#include <cstring>

#include "tests/support/demo_log.h"
#include "tests/support/rendered_event.h"
#include "tests/support/temp_dir.h"

namespace blockwatch {
namespace {

// Gives `text` in pieces of `piece` bytes.
winlog::ReadFn stream_of(std::string text, std::size_t piece) {
  return [text = std::move(text), piece,
          at = std::size_t{0}](std::span<char> buffer) mutable -> Result<std::size_t> {
    const std::size_t n = std::min({piece, buffer.size(), text.size() - at});
    std::memcpy(buffer.data(), text.data() + at, n);
    at += n;
    return n;
  };
}

std::vector<std::uint64_t> record_ids(EventFile& file, std::string* source = nullptr) {
  std::vector<std::uint64_t> ids;
  FileReport report;
  const auto read = file.read(
      ReadOptions{},
      [&](EventList&& list) {
        for (const Event& e : list.events) {
          ids.push_back(*e.record_id);
          if (source != nullptr) *source = e.source;
        }
        return true;
      },
      report);
  EXPECT_TRUE(read);
  EXPECT_EQ(report.wanted, ids.size());
  return ids;
}

TEST(EventFileTest, FindsOutWhatAFileIs) {
  const TempDir dir;
  std::string source;
  auto xml = EventFile::open(dir.write("log.bin", rendered_events(1, 3)));
  ASSERT_TRUE(xml);
  EXPECT_EQ(xml->format(), EventFormat::kXml);
  EXPECT_EQ(record_ids(*xml, &source), (std::vector<std::uint64_t>{1, 2, 3}));
  EXPECT_EQ(source, "xml:log.bin");

  auto evtx = EventFile::open(dir.write("log.dat", demo_log()), "named");
  ASSERT_TRUE(evtx);
  EXPECT_EQ(evtx->format(), EventFormat::kEvtx);
  EXPECT_EQ(evtx->source(), "evtx:named");
  EXPECT_GT(evtx->size(), 4096U);
  EXPECT_FALSE(record_ids(*evtx).empty());
}

TEST(EventFileTest, AStreamGivesTheSameAsAFile) {
  const TempDir dir;
  for (const std::string& bytes : {rendered_events(1, 50), demo_log()}) {
    auto file = EventFile::open(dir.write("log", bytes));
    ASSERT_TRUE(file);
    const auto expected = record_ids(*file);
    for (const std::size_t piece : {std::size_t{1}, std::size_t{997}, std::size_t{1} << 20}) {
      auto stream = EventFile::open_stream(stream_of(bytes, piece), "log");
      ASSERT_TRUE(stream);
      EXPECT_EQ(record_ids(*stream), expected) << piece;
    }
  }
}

TEST(EventFileTest, SaysWhyAnInputIsRefused) {
  const TempDir dir;
  const auto code = [](const Result<EventFile>& file) {
    EXPECT_FALSE(file);
    return file ? ErrorCode::kInternal : file.error().code;
  };
  EXPECT_EQ(code(EventFile::open(dir.path("none"))), ErrorCode::kNotFound);
  EXPECT_EQ(code(EventFile::open(dir.path())), ErrorCode::kIo);
  EXPECT_EQ(code(EventFile::open(dir.write("empty", ""))), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code(EventFile::open(dir.write("text", "hello"))), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code(EventFile::open_stream(stream_of("hello", 1), "x")), ErrorCode::kInvalidArgument);
}

TEST(EventFileTest, AnErrorOfTheStreamIsHandedOn) {
  const auto broken = [](std::span<char>) -> Result<std::size_t> {
    return make_error(ErrorCode::kUnavailable, "gone");
  };
  const auto file = EventFile::open_stream(broken, "x");
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code, ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace blockwatch
