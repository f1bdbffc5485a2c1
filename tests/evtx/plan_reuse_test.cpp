// What a plan keeps from chunk to chunk and from record to record must not show in the events.

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <utility>

#include "tests/evtx/log_fixture.h"

namespace blockwatch::evtx {
namespace {

using testing::ByteVector;
using testing::EvtxBuilder;
using testing::kChunkBytes;
using testing::kFileHeaderBytes;

void expect_equal_paths(const ByteVector& bytes, const ReadOptions& options = all_actions()) {
  const Reading planned = read_bytes(bytes, options);
  const Reading general = read_bytes(bytes, options, DecodePath::kGeneral);
  EXPECT_EQ(planned.events, general.events);
  EXPECT_EQ(planned.damage(), general.damage());
}

// Two chunks with the same templates.
ByteVector twins() {
  EvtxBuilder builder;
  for (unsigned chunk = 0; chunk < 2; ++chunk) {
    for (unsigned i = 0; i < 3; ++i)
      builder.add(testing::connection(5157, testing::Windows::k11, {}));
    builder.end_chunk();
  }
  return builder.bytes();
}

// Where the text stands first in the second chunk, as UTF-16 behind its count of units.
std::size_t counted_text(const ByteVector& bytes, std::string_view text) {
  ByteVector wanted{static_cast<std::uint8_t>(text.size()), 0};
  const ByteVector units = testing::utf16(text);
  wanted.insert(wanted.end(), units.begin(), units.end());
  const auto begin = bytes.begin() + static_cast<std::ptrdiff_t>(kFileHeaderBytes + kChunkBytes);
  return static_cast<std::size_t>(std::search(begin, bytes.end(), wanted.begin(), wanted.end()) -
                                  bytes.begin() + 2);
}

TEST(EvtxPlanReuse, ALiteralOfTheTemplateMayDifferInTheNextChunk) {
  ByteVector bytes = twins();
  const std::size_t at = counted_text(bytes, "SourcePort");
  ASSERT_LT(at, bytes.size());
  bytes[at] = 'X';
  testing::reseal(bytes);
  const Reading reading = read_bytes(bytes);
  ASSERT_EQ(reading.events.size(), 6U);
  EXPECT_NE(reading.events[2].find("SourcePort"), std::string::npos);
  EXPECT_EQ(reading.events[3].find("SourcePort"), std::string::npos);
  EXPECT_NE(reading.events[3].find("XourcePort"), std::string::npos);
  expect_equal_paths(bytes);
}

// Names outside the template change without any of its own bytes.
TEST(EvtxPlanReuse, ANameThatTheTemplateRefersToMayDifferInTheNextChunk) {
  const ByteVector original = twins();
  for (const std::string_view name : {"Name", "Data", "EventData", "EventID", "System"}) {
    ByteVector bytes = original;
    const std::size_t at = counted_text(bytes, name);
    ASSERT_LT(at, bytes.size()) << name;
    bytes[at] = 'X';
    testing::reseal(bytes);
    EXPECT_NE(read_bytes(bytes).events, read_bytes(original).events) << name;
    expect_equal_paths(bytes);
  }
}

TEST(EvtxPlanReuse, AReferenceToTheTemplateMayLeadNowhereInTheNextChunk) {
  const ByteVector original = twins();
  const std::size_t begin = kFileHeaderBytes + kChunkBytes;
  // Every byte of the second chunk's first record, which holds the templates.
  for (std::size_t at = begin + 512 + 24; at < begin + 512 + 3000; ++at) {
    ByteVector bytes = original;
    bytes[at] = static_cast<std::uint8_t>(bytes[at] ^ 0x80U);
    testing::reseal(bytes);
    const Reading planned = read_bytes(bytes);
    const Reading general = read_bytes(bytes, all_actions(), DecodePath::kGeneral);
    ASSERT_EQ(planned.events, general.events) << at - begin;
  }
}

// Values that repeat, change, and cannot be read.
// Where the first substitution of a text behind the name stands: token, index, type.
std::size_t substitution_behind(const ByteVector& bytes, std::string_view name) {
  constexpr std::uint8_t kToken = 0x0d;
  constexpr std::uint8_t kString = 0x01;
  std::size_t at = counted_text(bytes, name);
  while (at + 4 < bytes.size() &&
         (bytes[at] != kToken || bytes[at + 2] != 0 || bytes[at + 3] != kString))
    ++at;
  return at;
}

TEST(EvtxPlanReuse, FieldsMayBeInAnotherOrderThanTheirValues) {
  ByteVector bytes = twins();
  const std::size_t source = substitution_behind(bytes, "SourcePort");
  const std::size_t dest = substitution_behind(bytes, "DestPort");
  ASSERT_LT(dest, bytes.size() - 4);
  std::swap(bytes[source + 1], bytes[dest + 1]);
  testing::reseal(bytes);
  const Reading reading = read_bytes(bytes);
  ASSERT_EQ(reading.events.size(), 6U);
  EXPECT_NE(reading.events[2].find("SourcePort = 50000"), std::string::npos) << reading.events[2];
  EXPECT_NE(reading.events[3].find("SourcePort = 443"), std::string::npos) << reading.events[3];
  EXPECT_NE(reading.events[3].find("DestPort = 50000"), std::string::npos) << reading.events[3];
  expect_equal_paths(bytes);
}

TEST(EvtxPlanReuse, RecordsThatHaveMuchInCommonAreReadAsIfAlone) {
  const std::vector<std::string> texts{"443", "abc", "", "-", "0x1bb", "70000", "443", "\xc3\xa4"};
  const std::vector<std::string> addresses{
      "10.0.0.1", "203.0.113.7", "2001:db8::1", "-", "203.0.113.9", "fe80::1%7", "", "a.b.c.d"};
  const std::vector<std::string> origins{
      "Stealth",  "",
      "-",        "Query User Default",
      "{A rule}", "A rule with a name that is longer than the others"};
  const std::vector<std::string> applications{
      "-",
      "",
      "System",
      R"(\device\harddiskvolume3\windows\system32\svchost.exe)",
      R"(\device\harddiskvolume3\windows\system32\svchost.exf)",
      "\xc3\xa4\xc3\xb6 program.exe"};
  const std::vector<std::string> layers{"%%14610", "%%14597", "%%14611", "%%99999", "Connect", "-"};
  const std::vector<std::string> directions{"%%14592", "%%14593", "%%14594", "%%14595", "x"};
  std::mt19937 random(20260101);
  const auto one_of = [&random](const auto& values) { return values[random() % values.size()]; };
  EvtxBuilder builder;
  for (unsigned i = 0; i < 3000; ++i) {
    testing::Flow flow;
    flow.process_id = random() % 3;
    flow.application = one_of(applications);
    flow.protocol = random() % 5 == 0 ? 300 : 6;
    flow.layer_name = one_of(layers);
    flow.layer_id = random() % 2 == 0 ? 13 : 44;
    flow.filter_origin = one_of(origins);
    testing::RecordSpec record = random() % 2 == 0
                                     ? testing::connection(5157, testing::Windows::k11, flow)
                                     : testing::packet(5152, testing::Windows::k10, flow);
    // MAC-layer ids with the same templates: their addresses are none of ours.
    if (random() % 8 == 0) record.event_id = 5150;
    record.computer = random() % 10 == 0 ? "other.example.org" : "ws01.example.org";
    for (testing::FieldSpec& field : record.data) {
      if (field.name == "Direction") field = testing::text_field("Direction", one_of(directions));
      if (field.name == "SourceAddress" || field.name == "DestAddress")
        field = testing::text_field(field.name, one_of(addresses));
      if (field.name == "SourcePort" || field.name == "DestPort")
        field = testing::text_field(field.name, one_of(texts));
    }
    record.form =
        random() % 16 == 0 ? testing::RecordForm::kOneTemplate : testing::RecordForm::kTemplates;
    builder.add(record);
  }
  const ByteVector bytes = builder.bytes();
  ASSERT_EQ(read_bytes(bytes).events.size(), 3000U);
  ReadOptions two_threads = all_actions();
  two_threads.threads = 2;
  for (const ReadOptions& options : {all_actions(), two_threads})
    expect_equal_paths(bytes, options);
}

}  // namespace
}  // namespace blockwatch::evtx
