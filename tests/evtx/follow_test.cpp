// Files that grow, are cut or are asked for again; progress, stopping and refusing.

#include <gtest/gtest.h>

#include <atomic>
#include <fstream>

#include "tests/evtx/log_fixture.h"
#include "tests/support/temp_dir.h"

namespace blockwatch::evtx {
namespace {

using testing::ByteVector;
using testing::EvtxBuilder;
using testing::kChunkBytes;
using testing::kFileHeaderBytes;

ByteVector log_of(std::size_t chunks) {
  EvtxBuilder builder;
  for (std::size_t c = 0; c < chunks; ++c) {
    for (unsigned i = 0; i < 4; ++i)
      builder.add(testing::connection(5157, testing::Windows::k10, {}));
    builder.add(testing::logon(2));
    builder.end_chunk();
  }
  return builder.bytes();
}

ReadOptions after(std::uint64_t id) {
  ReadOptions options = all_actions();
  options.after_record_id = id;
  return options;
}

// Says it is longer than what it can give, as a file that is cut while it is read.
class CutSource : public MemorySource {
 public:
  CutSource(ByteVector bytes, std::uint64_t claimed)
      : MemorySource(std::move(bytes)), claimed_(claimed) {}
  std::uint64_t size() const override { return claimed_; }

 private:
  std::uint64_t claimed_;
};

// Counts what is read.
class CountingSource : public MemorySource {
 public:
  using MemorySource::MemorySource;
  Result<std::size_t> read_at(std::uint64_t offset, void* buffer, std::size_t n) const override {
    bytes_read += n;
    return MemorySource::read_at(offset, buffer, n);
  }
  mutable std::atomic<std::uint64_t> bytes_read{0};
};

class FailingSource : public MemorySource {
 public:
  using MemorySource::MemorySource;
  Result<std::size_t> read_at(std::uint64_t offset, void* buffer, std::size_t n) const override {
    if (offset + n > kFileHeaderBytes + 20 * kChunkBytes)
      return make_error(ErrorCode::kIo, "the disk is gone");
    return MemorySource::read_at(offset, buffer, n);
  }
};

TEST(EvtxFollow, OnlyNewerRecordsAreGiven) {
  const ByteVector bytes = log_of(6);
  const Reading all = read_bytes(bytes);
  ASSERT_EQ(all.position->newest_record_id, 30U);
  for (const std::uint64_t known : {1U, 4U, 5U, 6U, 13U, 29U, 30U, 31U}) {
    const Reading reading = read_bytes(bytes, after(known));
    for (const EventList& batch : reading.batches)
      for (const Event& event : batch.events) EXPECT_GT(event.record_id, known);
    std::size_t expected = 0;
    for (const EventList& batch : all.batches)
      for (const Event& event : batch.events) expected += event.record_id > known ? 1U : 0U;
    EXPECT_EQ(reading.events.size(), expected) << known;
    EXPECT_EQ(reading.position->newest_record_id, 30U) << known;
  }
}

TEST(EvtxFollow, KnownChunksAreNotRead) {
  const CountingSource source(log_of(40));
  const Reading reading = read_source(source, after(195));
  EXPECT_EQ(reading.events.size(), 4U);
  EXPECT_EQ(reading.report.bytes, source.size());
  EXPECT_LT(source.bytes_read, 3 * kChunkBytes);
}

TEST(EvtxFollow, GrowthIsReadFromWhereItWasLeft) {
  const ByteVector whole = log_of(9);
  const ByteVector part(whole.begin(), whole.begin() + kFileHeaderBytes + 4 * kChunkBytes);
  const Reading first = read_bytes(part);
  const Reading second = read_bytes(whole, after(first.position->newest_record_id));
  auto both = first.events;
  both.insert(both.end(), second.events.begin(), second.events.end());
  EXPECT_EQ(both, read_bytes(whole).events);
  EXPECT_EQ(second.position->newest_record_id, 45U);
}

TEST(EvtxFollow, TextsOfNeighbouringChunksAreToldApart) {
  // Alike in length and in all that the cache's hash samples, and at the same place in their
  // chunks.
  EvtxBuilder builder;
  for (const char letter : {'a', 'b', 'c', 'd'}) {
    for (unsigned i = 0; i < 2; ++i)
      builder.add(testing::blocked_application(R"(C:\x)" + std::string(12, letter) + ".exe"));
    builder.end_chunk();
  }
  const ByteVector bytes = builder.bytes();
  auto expected = read_bytes(bytes).events;
  expected.erase(expected.begin());
  EXPECT_EQ(read_bytes(bytes, after(1)).events, expected);
}

TEST(EvtxFollow, AFileThatIsCutWhileItIsReadIsNoted) {
  for (const unsigned threads : {1U, 2U}) {
    const ByteVector whole = log_of(60);
    for (const std::size_t left : {kFileHeaderBytes, kFileHeaderBytes + 10 * kChunkBytes,
                                   kFileHeaderBytes + 10 * kChunkBytes + 700}) {
      const CutSource source({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(left)},
                             whole.size());
      ReadOptions options = all_actions();
      options.threads = threads;
      const Reading reading = read_source(source, options);
      ASSERT_TRUE(reading.position);
      EXPECT_EQ(reading.events.size(), 4 * ((left - kFileHeaderBytes) / kChunkBytes));
      EXPECT_NE(reading.damage().find("was cut"), std::string::npos);
      EXPECT_EQ(reading.report.damage.back().offset, left);
    }
  }
}

TEST(EvtxFollow, AReadErrorIsGivenWithWhatCameBefore) {
  for (const unsigned threads : {1U, 3U}) {
    const FailingSource source(log_of(60));
    ReadOptions options = all_actions();
    options.threads = threads;
    const Reading reading = read_source(source, options);
    ASSERT_FALSE(reading.position);
    EXPECT_EQ(reading.position.error().code, ErrorCode::kIo);
    EXPECT_EQ(reading.events.size(), 4 * 20U);
  }
}

TEST(EvtxFollow, StoppingEndsTheReadingSoon) {
  for (const unsigned threads : {1U, 2U}) {
    std::stop_source stop;
    const MemorySource source(log_of(400));
    ReadOptions options = all_actions();
    options.threads = threads;
    options.stop = stop.get_token();
    std::size_t events = 0;
    FileReport report;
    const auto position = read(
        source, options,
        [&](EventList&& list) {
          events += list.events.size();
          stop.request_stop();
          return true;
        },
        report);
    ASSERT_TRUE(position);
    EXPECT_EQ(position->newest_record_id, 0U) << "a position must cover all that was read";
    EXPECT_GT(events, 0U);
    EXPECT_LT(events, 1000U);
  }
}

TEST(EvtxFollow, ARefusingReceiverGetsNothingMore) {
  for (const unsigned threads : {1U, 2U}) {
    const MemorySource source(log_of(400));
    ReadOptions options = all_actions();
    options.threads = threads;
    unsigned calls = 0;
    FileReport report;
    const auto position = read(
        source, options, [&](EventList&&) { return ++calls < 2; }, report);
    ASSERT_TRUE(position);
    EXPECT_EQ(calls, 2U);
  }
}

TEST(EvtxFollow, AThrowingReceiverEndsAsAnError) {
  const MemorySource source(log_of(100));
  FileReport report;
  const auto position = read(
      source, all_actions(), [](EventList&&) -> bool { throw std::runtime_error("no room"); },
      report);
  ASSERT_FALSE(position);
  EXPECT_EQ(position.error().message, "no room");
}

TEST(EvtxFollow, ProgressIsShownEvery16MiBAndAtTheEnd) {
  const ByteVector bytes = log_of(700);
  ReadOptions options = all_actions();
  std::vector<std::uint64_t> shown;
  options.progress = [&shown](const FileReport& report) { shown.push_back(report.bytes); };
  read_bytes(bytes, options);
  ASSERT_GE(shown.size(), 3U);
  EXPECT_EQ(shown.back(), bytes.size());
  for (std::size_t i = 1; i < shown.size(); ++i) EXPECT_LE(shown[i] - shown[i - 1], 17U << 20);
}

TEST(EvtxFile, IsReadFromTheDisk) {
  const TempDir folder;
  const ByteVector bytes = log_of(20);
  const std::string path =
      folder.write("log é.evtx", {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  const auto file = open_file(path);
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ((*file)->size(), bytes.size());
  EXPECT_EQ(read_source(**file, all_actions()).events, read_bytes(bytes).events);
}

// Windows renames a log that is full into its archive.
TEST(EvtxFile, CanBeRenamedAndRemovedWhileItIsRead) {
  const TempDir folder;
  const ByteVector bytes = log_of(20);
  const std::string path =
      folder.write("log.evtx", {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  const auto file = open_file(path);
  ASSERT_TRUE(file) << file.error().message;
  std::filesystem::rename(path, folder.path("archive.evtx"));
  EXPECT_EQ(read_source(**file, all_actions()).events, read_bytes(bytes).events);
  EXPECT_TRUE(std::filesystem::remove(folder.path("archive.evtx")));
}

TEST(EvtxFile, WhatCannotBeOpenedSaysWhy) {
  const TempDir folder;
  const auto missing = open_file(folder.path("none.evtx"));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
  const auto directory = open_file(folder.path());
  ASSERT_FALSE(directory);
  EXPECT_EQ(directory.error().code, ErrorCode::kInvalidArgument);
}

TEST(EvtxFile, CanBeCutWhileItIsRead) {
  const TempDir folder;
  const ByteVector bytes = log_of(100);
  const std::string path =
      folder.write("cut.evtx", {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  const auto file = open_file(path);
  ASSERT_TRUE(file);
  ReadOptions options = all_actions();
  options.threads = 1;
  FileReport report;
  const auto position = read(
      **file, options,
      [&path](EventList&&) {
        std::filesystem::resize_file(path, kFileHeaderBytes + 70 * kChunkBytes + 9);
        return true;
      },
      report);
  ASSERT_TRUE(position);
  EXPECT_EQ(report.wanted, 4 * 70U);
}

}  // namespace
}  // namespace blockwatch::evtx
