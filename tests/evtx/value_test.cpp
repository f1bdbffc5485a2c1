// Every value type as text.

#include "monitor/evtx/value.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "monitor/evtx/utf16.h"

namespace blockwatch::evtx {
namespace {

using Bytes8 = std::vector<std::uint8_t>;

std::string text(std::uint8_t type, const Bytes8& bytes) {
  const Value value{type, bytes.data(), static_cast<std::uint32_t>(bytes.size())};
  std::string out(max_text_size(value), '\0');
  const char* const end = render(value, out.data());
  EXPECT_LE(static_cast<std::size_t>(end - out.data()), out.size());
  out.resize(static_cast<std::size_t>(end - out.data()));
  return out;
}
std::string text(ValueType type, const Bytes8& bytes) {
  return text(static_cast<std::uint8_t>(type), bytes);
}

TEST(EvtxValue, NumbersAreDecimal) {
  EXPECT_EQ(text(ValueType::kInt8, {0xff}), "-1");
  EXPECT_EQ(text(ValueType::kUInt8, {0xff}), "255");
  EXPECT_EQ(text(ValueType::kInt16, {0x00, 0x80}), "-32768");
  EXPECT_EQ(text(ValueType::kUInt16, {0x24, 0x14}), "5156");
  EXPECT_EQ(text(ValueType::kInt32, {0xfe, 0xff, 0xff, 0xff}), "-2");
  EXPECT_EQ(text(ValueType::kUInt32, {0xff, 0xff, 0xff, 0xff}), "4294967295");
  EXPECT_EQ(text(ValueType::kInt64, {0, 0, 0, 0, 0, 0, 0, 0x80}), "-9223372036854775808");
  EXPECT_EQ(text(ValueType::kUInt64, Bytes8(8, 0xff)), "18446744073709551615");
  EXPECT_EQ(text(ValueType::kReal32, {0x00, 0x00, 0xc0, 0x3f}), "1.5");
  EXPECT_EQ(text(ValueType::kReal64, {0, 0, 0, 0, 0, 0, 0xf8, 0xbf}), "-1.5");
}

TEST(EvtxValue, HexadecimalHasNoPadding) {
  EXPECT_EQ(text(ValueType::kHexInt32, {0, 8, 0, 0}), "0x800");
  EXPECT_EQ(text(ValueType::kHexInt64, {0, 0, 0, 0, 0, 0, 0x20, 0x80}), "0x8020000000000000");
  EXPECT_EQ(text(ValueType::kHexInt64, Bytes8(8, 0)), "0x0");
  EXPECT_EQ(text(ValueType::kSize, {0xf4, 1, 0, 0}), "0x1f4");
  EXPECT_EQ(text(ValueType::kSize, {0xf4, 1, 0, 0, 0, 0, 0, 0}), "0x1f4");
}

TEST(EvtxValue, BooleansAreWordsWhateverTheirWidth) {
  EXPECT_EQ(text(ValueType::kBool, {1, 0, 0, 0}), "true");
  EXPECT_EQ(text(ValueType::kBool, {0, 0, 0, 0}), "false");
  EXPECT_EQ(text(ValueType::kBool, {0, 1, 0, 0}), "true");
  EXPECT_EQ(text(ValueType::kBool, {1}), "true");
  EXPECT_EQ(text(ValueType::kBool, {0, 0}), "false");
}

TEST(EvtxValue, IdentifiersAndTimes) {
  EXPECT_EQ(text(ValueType::kGuid, {0x25, 0x96, 0x84, 0x54, 0x78, 0x54, 0x94, 0x49, 0xa5, 0xba,
                                    0x3e, 0x3b, 0x03, 0x28, 0xc3, 0x0d}),
            "{54849625-5478-4994-a5ba-3e3b0328c30d}");
  EXPECT_EQ(text(ValueType::kSid, {1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}), "S-1-0-0");
  EXPECT_EQ(text(ValueType::kSid, {1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 0x20, 2, 0, 0}),
            "S-1-5-32-544");
  EXPECT_EQ(text(ValueType::kSid, {1, 1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0}), "S-1-1099511627776-1");
  // 2019-02-13T18:01:47.5123404Z = FILETIME 131945545075123404
  const std::uint64_t filetime = 131945545075123404U;
  Bytes8 bytes;
  for (unsigned i = 0; i < 8; ++i) bytes.push_back(static_cast<std::uint8_t>(filetime >> (8 * i)));
  EXPECT_EQ(text(ValueType::kFileTime, bytes), "2019-02-13T18:01:47.5123404Z");
  EXPECT_EQ(text(ValueType::kFileTime, Bytes8(8, 0)), "1601-01-01T00:00:00.0000000Z");
  EXPECT_EQ(text(ValueType::kFileTime, Bytes8(8, 0xff)), "60056-05-28T05:36:10.9551615Z");
  EXPECT_EQ(text(ValueType::kSystemTime, {0xe3, 7, 2, 0, 3, 0, 13, 0, 18, 0, 1, 0, 47, 0, 0, 2}),
            "2019-02-13T18:01:47.512Z");
}

TEST(EvtxValue, TextLosesItsTerminatorAndStaysValid) {
  EXPECT_EQ(text(ValueType::kString, {'a', 0, 'b', 0, 0, 0}), "ab");
  EXPECT_EQ(text(ValueType::kString, {'a', 0, 0, 0, 'b', 0}),
            "a\xEF\xBF\xBD"
            "b");
  EXPECT_EQ(text(ValueType::kString, {0x3d, 0xd8, 0x00, 0xde}), "\xF0\x9F\x98\x80");
  EXPECT_EQ(text(ValueType::kString, {0x3d, 0xd8}), "\xEF\xBF\xBD");
  EXPECT_EQ(text(ValueType::kString, {0x00, 0xde, 'x', 0}), "\xEF\xBF\xBDx");
  EXPECT_EQ(text(ValueType::kString, {0x3d, 0xd8, 'x', 0}), "\xEF\xBF\xBDx");
  EXPECT_EQ(text(ValueType::kString, {0x2d, 0x4e, 0xe9, 0}), "\xE4\xB8\xAD\xC3\xA9");
  EXPECT_EQ(text(ValueType::kAnsiString, {'a', 0xe9, 0}), "a\xC3\xA9");
}

TEST(EvtxValue, ArraysAreSeparatedByCommas) {
  EXPECT_EQ(text(0x81, {'a', 0, 0, 0, 'b', 0, 'c', 0, 0, 0}), "a,bc");
  EXPECT_EQ(text(0x81, {'a', 0, 0, 0, 0, 0}), "a,");
  EXPECT_EQ(text(0x88, {1, 0, 0, 0, 2, 0, 0, 0}), "1,2");
  EXPECT_EQ(text(0x8a, Bytes8(16, 0)), "0,0");
  EXPECT_EQ(text(0x88, {1, 0, 0}), "010000");
  EXPECT_EQ(text(0x8f, Bytes8(16, 0)), "{00000000-0000-0000-0000-000000000000}");
}

TEST(EvtxValue, WhatDoesNotFitItsTypeIsBytes) {
  EXPECT_EQ(text(ValueType::kUInt32, {1, 2}), "0102");
  EXPECT_EQ(text(ValueType::kBinary, {0xab, 0x01}), "AB01");
  EXPECT_EQ(text(ValueType::kSid, {1, 15, 0}), "010F00");
  EXPECT_EQ(text(0x7f, {0xee}), "EE");
  EXPECT_EQ(text(ValueType::kNull, {1, 2, 3}), "");
  EXPECT_EQ(text(ValueType::kUInt64, {}), "");
}

TEST(EvtxValue, EveryTypeAndSizeStaysWithinItsRoom) {
  for (unsigned type = 0; type < 256; ++type) {
    for (std::size_t size = 0; size < 70; ++size) {
      for (const std::uint8_t fill : {std::uint8_t{0}, std::uint8_t{0x0e}, std::uint8_t{0xff}})
        text(static_cast<std::uint8_t>(type), Bytes8(size, fill));
    }
  }
}

TEST(EvtxValue, NoTextIsLongerThanItsRoom) {
  for (unsigned type = 0; type < 256; ++type) {
    for (const std::uint32_t size : {1U, 2U, 3U, 8U, 16U, 68U, 500U, 4096U, 65535U}) {
      Bytes8 nuls_then_letter(size - 1, 0);
      nuls_then_letter.push_back('x');
      for (const Bytes8& bytes : {Bytes8(size, 0), Bytes8(size, 0xff), nuls_then_letter}) {
        const Value value{static_cast<std::uint8_t>(type), bytes.data(), size};
        // Room for whatever comes, so that a bound that is too low fails here and not in the heap.
        std::string out(41 * std::size_t{size} + 512, '\0');
        const auto used = static_cast<std::size_t>(render(value, out.data()) - out.data());
        ASSERT_LE(used, max_text_size(value)) << "type " << type << " size " << size;
      }
    }
  }
}

TEST(EvtxValue, NumbersAreUnderstoodInEveryWidthAndAsText) {
  const auto number = [](ValueType type, const Bytes8& bytes) {
    return to_number(
        {static_cast<std::uint8_t>(type), bytes.data(), static_cast<std::uint32_t>(bytes.size())});
  };
  EXPECT_EQ(number(ValueType::kUInt8, {7}), 7U);
  EXPECT_EQ(number(ValueType::kUInt16, {0x24, 0x14}), 5156U);
  EXPECT_EQ(number(ValueType::kUInt64, {1, 0, 0, 0, 0, 0, 0, 0}), 1U);
  EXPECT_EQ(number(ValueType::kString, {'5', 0, '1', 0}), 51U);
  EXPECT_EQ(number(ValueType::kString, {'5', 0, 'x', 0}), std::nullopt);
  EXPECT_EQ(number(ValueType::kString, {}), std::nullopt);
  EXPECT_EQ(number(ValueType::kUInt32, {1, 0}), std::nullopt);
  EXPECT_EQ(number(ValueType::kNull, {}), std::nullopt);
}

}  // namespace
}  // namespace blockwatch::evtx
