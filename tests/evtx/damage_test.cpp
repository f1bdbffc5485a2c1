// Damaged logs: nothing crashes, what is damaged is named with its offset, and the rest is read.

#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "monitor/evtx/chunk.h"
#include "tests/evtx/log_fixture.h"

namespace blockwatch::evtx {
namespace {

using testing::ByteVector;
using testing::EvtxBuilder;
using testing::kChunkBytes;
using testing::kFileHeaderBytes;

void store32(ByteVector& bytes, std::size_t at, std::uint32_t value) {
  for (unsigned i = 0; i < 4; ++i) bytes[at + i] = static_cast<std::uint8_t>(value >> (8 * i));
}

// Three chunks of five blocked connections each.
struct SmallLog {
  EvtxBuilder builder;
  ByteVector bytes;

  SmallLog() {
    for (unsigned chunk = 0; chunk < 3; ++chunk) {
      for (unsigned i = 0; i < 5; ++i)
        builder.add(testing::connection(5157, testing::Windows::k10, {}));
      builder.end_chunk();
    }
    bytes = builder.bytes();
  }
  std::size_t record(std::size_t n) const { return builder.record_offsets()[n]; }
  std::size_t record_end(std::size_t n) const {
    std::uint32_t size = 0;
    std::memcpy(&size, bytes.data() + record(n) + 4, sizeof size);
    return record(n) + size;
  }
  static std::size_t chunk(std::size_t n) { return kFileHeaderBytes + n * kChunkBytes; }
};

void expect_one_note(const Reading& reading, std::size_t offset, const std::string& text) {
  ASSERT_EQ(reading.report.damage.size(), 1U) << reading.damage();
  EXPECT_EQ(reading.report.damage[0].offset, offset);
  EXPECT_NE(reading.report.damage[0].what.find(text), std::string::npos) << reading.damage();
}

TEST(EvtxDamage, NotEvtxIsRefusedWithWhatWasExpected) {
  for (const ByteVector& bytes :
       {ByteVector{}, ByteVector{'E', 'l', 'f'}, ByteVector(5000, 'x'), ByteVector(4096, 0)}) {
    const Reading reading = read_bytes(bytes);
    ASSERT_FALSE(reading.position);
    EXPECT_EQ(reading.position.error().code, ErrorCode::kInvalidArgument);
    EXPECT_NE(reading.position.error().message.find("EVTX"), std::string::npos);
  }
}

TEST(EvtxDamage, OtherFormatVersionsAreRefused) {
  SmallLog log;
  log.bytes[38] = 4;
  EXPECT_EQ(read_bytes(log.bytes).position.error().code, ErrorCode::kUnsupported);
}

TEST(EvtxDamage, AFileHeaderWithAWrongChecksumIsNotedAndTheRestRead) {
  SmallLog log;
  log.bytes[30] ^= 1;
  const Reading reading = read_bytes(log.bytes);
  expect_one_note(reading, 0, "checksum");
  EXPECT_EQ(reading.report.wanted, 15U);
}

TEST(EvtxDamage, CountsInTheFileHeaderAreNotTrusted) {
  SmallLog log;
  log.bytes[42] = 1;
  store32(log.bytes, 16, 0);
  testing::reseal(log.bytes);
  const Reading reading = read_bytes(log.bytes);
  EXPECT_EQ(reading.report.wanted, 15U);
  EXPECT_EQ(reading.report.damaged, 0U);
}

TEST(EvtxDamage, AChunkWithAWrongChecksumIsNotedAndItsRecordsAreTried) {
  SmallLog log;
  log.bytes[SmallLog::chunk(1) + 60000] = 0;  // slack, outside the checksum
  log.bytes[log.record(6) + 16] ^= 1;         // a time
  const Reading reading = read_bytes(log.bytes);
  expect_one_note(reading, SmallLog::chunk(1), "checksum");
  EXPECT_EQ(reading.report.wanted, 15U);
  EXPECT_EQ(reading.position->newest_record_id, 15U);
}

TEST(EvtxDamage, IdsOfAChunkThatFailsItsChecksDoNotMoveThePosition) {
  SmallLog log;
  log.bytes[log.record(14) + 15] = 0x7f;  // a record id beyond all others
  EXPECT_EQ(read_bytes(log.bytes).position->newest_record_id, 10U);
}

TEST(EvtxDamage, AChunkWithoutItsSignatureIsNamedAndSkipped) {
  SmallLog log;
  log.bytes[SmallLog::chunk(1)] = 'X';
  const Reading reading = read_bytes(log.bytes);
  expect_one_note(reading, SmallLog::chunk(1), "ElfChnk");
  EXPECT_EQ(reading.report.wanted, 10U);
}

TEST(EvtxDamage, AFreeSpaceOffsetOutsideTheChunkIsNamed) {
  for (const std::uint32_t offset : {0U, 511U, 65537U, 0xffffffffU}) {
    SmallLog log;
    store32(log.bytes, SmallLog::chunk(1) + 0x30, offset);
    testing::reseal(log.bytes);
    const Reading reading = read_bytes(log.bytes);
    expect_one_note(reading, SmallLog::chunk(1), "free-space offset");
    EXPECT_EQ(reading.report.wanted, 10U);
  }
}

TEST(EvtxDamage, SlackIsNotReported) {
  SmallLog log;
  store32(log.bytes, SmallLog::chunk(1) + 0x30,
          static_cast<std::uint32_t>(log.record(7) - SmallLog::chunk(1)));
  testing::reseal(log.bytes);
  const Reading reading = read_bytes(log.bytes);
  EXPECT_EQ(reading.report.damaged, 0U) << reading.damage();
  EXPECT_EQ(reading.report.wanted, 12U);
}

TEST(EvtxDamage, ChunksOfZerosAreDamageOnlyBeforeAUsedOne) {
  SmallLog log;
  std::fill_n(log.bytes.begin() + static_cast<std::ptrdiff_t>(SmallLog::chunk(1)), kChunkBytes, 0);
  log.bytes.resize(log.bytes.size() + 20 * kChunkBytes);
  const Reading reading = read_bytes(log.bytes);
  expect_one_note(reading, SmallLog::chunk(1), "zeros");
  EXPECT_EQ(reading.report.wanted, 10U);
}

TEST(EvtxDamage, ARecordWhoseSizesDifferIsNamedAndTheNextOneRead) {
  SmallLog log;
  store32(log.bytes, log.record(7) - 4, 0);
  testing::reseal(log.bytes);
  const Reading reading = read_bytes(log.bytes);
  expect_one_note(reading, log.record(6), "copy");
  EXPECT_EQ(reading.report.records, 15U);
  EXPECT_EQ(reading.report.wanted, 14U);
}

TEST(EvtxDamage, ARecordSizeThatCannotBeEndsTheChunk) {
  for (const std::uint32_t size : {0U, 27U, 65536U, 0xffffffffU}) {
    SmallLog log;
    store32(log.bytes, log.record(6) + 4, size);
    testing::reseal(log.bytes);
    const Reading reading = read_bytes(log.bytes);
    expect_one_note(reading, log.record(6), "skipped");
    EXPECT_EQ(reading.report.records, 11U);
  }
}

TEST(EvtxDamage, ATimeThatCannotBeIsDamage) {
  testing::RecordSpec record = testing::connection(5157, testing::Windows::k10, {});
  record.time = Timestamp{-1};
  EvtxBuilder builder;
  builder.add(record);
  const Reading reading = read_bytes(builder.bytes());
  expect_one_note(reading, builder.record_offsets()[0], "time");
  EXPECT_EQ(reading.report.wanted, 0U);
}

TEST(EvtxDamage, EveryTruncationIsReadAsFarAsItGoes) {
  const SmallLog log;
  for (std::size_t size = 8; size < log.bytes.size(); size += size < 6000 ? 1 : 997) {
    const ByteVector cut(log.bytes.begin(), log.bytes.begin() + static_cast<std::ptrdiff_t>(size));
    const Reading reading = read_bytes(cut);
    ASSERT_TRUE(reading.position) << size;
    // Every record that is there to its last byte.
    std::size_t whole = 0;
    while (whole < 15 && log.record_end(whole) <= size) ++whole;
    EXPECT_EQ(reading.report.wanted, whole) << size;
    EXPECT_EQ(reading.report.bytes, size);
    // Ids of a chunk whose records are not all there do not move the position.
    EXPECT_EQ(reading.position->newest_record_id, whole / 5 * 5) << size;
    // What is cut off may be slack, which holds only zeros.
    if (size < kFileHeaderBytes) {
      EXPECT_EQ(reading.report.damaged, 1U) << size;
    }
  }
}

TEST(EvtxDamage, AChunkThatIsCutIsNamedAndItsRecordsBeforeTheCutRead) {
  SmallLog log;
  log.bytes.resize(log.record(13) + 30);
  const Reading reading = read_bytes(log.bytes);
  ASSERT_GE(reading.report.damage.size(), 1U);
  EXPECT_EQ(reading.report.damage[0].offset, SmallLog::chunk(2));
  EXPECT_NE(reading.report.damage[0].what.find("the file ends after"), std::string::npos);
  EXPECT_EQ(reading.report.wanted, 13U);
}

TEST(EvtxDamage, EveryFlippedHeaderByteIsSurvived) {
  const SmallLog log;
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < 128; ++i) places.push_back(i);
  // The flags at 0x78 are outside the checksum.
  for (std::size_t i = 0; i < 512; ++i) {
    if (i < 0x78 || i >= 0x7c) places.push_back(SmallLog::chunk(1) + i);
  }
  for (std::size_t i = 0; i < 24; ++i) places.push_back(log.record(6) + i);
  for (const std::size_t place : places) {
    for (const std::uint8_t mask : {std::uint8_t{0x01}, std::uint8_t{0x80}, std::uint8_t{0xff}}) {
      ByteVector bytes = log.bytes;
      bytes[place] ^= mask;
      const Reading reading = read_bytes(bytes);
      if (!reading.position) continue;
      EXPECT_GE(reading.report.wanted, 10U) << "byte " << place;
      if (place >= SmallLog::chunk(1)) {
        EXPECT_GT(reading.report.damaged, 0U) << "byte " << place;
      }
    }
  }
}

TEST(EvtxDamage, EveryFlippedByteOfARecordIsSurvivedOnBothPaths) {
  const SmallLog log;
  const ByteVector one_chunk(log.bytes.begin(),
                             log.bytes.begin() + static_cast<std::ptrdiff_t>(SmallLog::chunk(1)));
  for (std::size_t place = log.record(0); place < log.record(2); ++place) {
    for (const std::uint8_t mask : {std::uint8_t{0x01}, std::uint8_t{0xff}}) {
      ByteVector bytes = one_chunk;
      bytes[place] ^= mask;
      testing::reseal(bytes);
      for (const DecodePath path : {DecodePath::kPlans, DecodePath::kGeneral}) {
        const Reading reading = read_bytes(bytes, all_actions(), path);
        EXPECT_LE(reading.report.wanted, reading.report.records) << "byte " << place;
        EXPECT_TRUE(reading.position) << "byte " << place;
      }
    }
  }
}

TEST(EvtxDamage, RandomDamageIsSurvived) {
  EvtxBuilder builder;
  for (const auto form : {testing::RecordForm::kTemplates, testing::RecordForm::kOneTemplate,
                          testing::RecordForm::kText})
    add_every_kind(builder, form);
  const ByteVector whole = builder.bytes();
  for (unsigned seed = 1; seed <= 500; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    ByteVector bytes = whole;
    for (auto hits = 1 + random() % 20; hits > 0; --hits)
      bytes[kFileHeaderBytes + random() % (bytes.size() - kFileHeaderBytes)] =
          static_cast<std::uint8_t>(random());
    if (seed % 2 == 0) testing::reseal(bytes);
    for (const DecodePath path : {DecodePath::kPlans, DecodePath::kGeneral}) {
      const Reading reading = read_bytes(bytes, all_actions(), path);
      EXPECT_LE(reading.events.size(), reading.report.records);
    }
  }
}

}  // namespace
}  // namespace blockwatch::evtx
