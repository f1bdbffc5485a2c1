// Records that no Windows writes: bombs, cycles and every token, made by hand.

#include <gtest/gtest.h>

#include "monitor/evtx/binxml.h"
#include "tests/evtx/log_fixture.h"

namespace blockwatch::evtx {
namespace {

using testing::ByteVector;
using testing::EvtxBuilder;

constexpr Timestamp kTime{15'900'000'000'000'000};

// Writes BinXML for EvtxBuilder::add_fragment; every name stands in place.
class Fragment {
 public:
  explicit Fragment(std::uint32_t record_at) : base_(record_at + 24) { u32(0x0001010f); }

  std::uint32_t position() const { return base_ + static_cast<std::uint32_t>(bytes_.size()); }
  Fragment& u8(unsigned v) { return bytes_.push_back(static_cast<std::uint8_t>(v)), *this; }
  Fragment& u16(unsigned v) { return u8(v & 0xff).u8(v >> 8 & 0xff); }
  Fragment& u32(std::uint32_t v) { return u16(v & 0xffff).u16(v >> 16); }
  Fragment& put(const ByteVector& bytes) {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    return *this;
  }
  Fragment& name(const std::string& text) {
    u32(position() + 4).u32(0).u16(0).u16(static_cast<unsigned>(text.size()));
    return put(testing::utf16(text)).u16(0);
  }
  // Element without attributes up to its content; sizes are left at 0, which always fits.
  Fragment& open(const std::string& text) { return start(text).u8(0x02); }
  Fragment& start(const std::string& text) { return u8(0x01).u32(0).name(text); }
  Fragment& start_with_attributes(const std::string& text) {
    return u8(0x41).u32(0).name(text).u32(0);
  }
  Fragment& attribute(const std::string& text) { return u8(0x06).name(text); }
  Fragment& text(const std::string& value) {
    return u8(0x05).u8(0x01).u16(static_cast<unsigned>(value.size())).put(testing::utf16(value));
  }
  Fragment& close() { return u8(0x04); }
  Fragment& close_empty() { return u8(0x03); }
  Fragment& element(const std::string& tag, const std::string& value) {
    return open(tag).text(value).close();
  }
  // <Event> and a System section with this event id; EventData is left to the test.
  Fragment& event(const std::string& id) {
    return open("Event").open("System").element("EventID", id).element("Computer", "h").close();
  }
  const ByteVector& bytes() const { return bytes_; }

 private:
  std::uint32_t base_;
  ByteVector bytes_;
};

Reading read_fragment(const EvtxBuilder& empty, const Fragment& fragment) {
  EvtxBuilder builder = empty;
  builder.add_fragment(fragment.bytes(), kTime);
  return read_bytes(builder.bytes());
}

// The events' raw fields as text.
std::string fields_of(const Reading& reading) {
  std::string out;
  for (const EventList& batch : reading.batches) {
    for (const Event& event : batch.events) {
      for (const RawField& f : event.raw)
        out += std::string(f.name) + "=" + std::string(f.value) + ";";
    }
  }
  return out;
}

TEST(EvtxTokens, ReferencesAndCDataBecomeText) {
  const EvtxBuilder builder;
  Fragment f(builder.position());
  f.event("5152").open("EventData").start_with_attributes("Data").attribute("Name").text("A");
  f.u8(0x02).text("x").u8(0x48).u16('y').u8(0x49).name("amp").u8(0x09).name("lt");
  f.u8(0x07).u16(2).put(testing::utf16("<>")).close();
  f.start_with_attributes("Data").attribute("Name").text("B").close_empty();
  f.element("ComplexData", "c").close().close().u8(0);
  const Reading reading = read_fragment(builder, f);
  EXPECT_EQ(reading.damage(), "");
  EXPECT_EQ(fields_of(reading), "A=xy&<<>;B=;ComplexData=c;");
}

TEST(EvtxTokens, InstructionsAndOtherSectionsArePassedOver) {
  const EvtxBuilder builder;
  Fragment f(builder.position());
  f.open("Event").u8(0x0a).name("target").u8(0x0b).u16(1).u16('d').open("System");
  f.start_with_attributes("Provider").attribute("Name").text("Microsoft-Windows-Security-Auditing");
  f.attribute("Guid").text("{x}").close_empty();
  f.element("EventID", "5157").element("Version", "1").element("Other", "9").close();
  f.open("RenderingInfo").element("EventID", "1").element("Channel", "wrong").close();
  f.open("EventData").close().close().u8(0);
  const Reading reading = read_fragment(builder, f);
  EXPECT_EQ(reading.damage(), "");
  ASSERT_EQ(reading.events.size(), 1U);
  EXPECT_EQ(reading.batches[0].events[0].channel, "");
  EXPECT_EQ(reading.batches[0].events[0].time, kTime);
}

TEST(EvtxTokens, AnUnknownEntityIsDamage) {
  const EvtxBuilder builder;
  Fragment f(builder.position());
  f.event("5152").open("EventData").open("Data").u8(0x09).name("evil").close().close().close();
  const Reading reading = read_fragment(builder, f);
  EXPECT_EQ(reading.report.damaged, 1U);
  EXPECT_NE(reading.damage().find("entity"), std::string::npos);
}

TEST(EvtxTokens, UnknownTokensAndUnbalancedElementsAreDamage) {
  const EvtxBuilder builder;
  for (const unsigned token : {0x10U, 0x1fU, 0x80U, 0xffU, 0x04U, 0x03U}) {
    Fragment f(builder.position());
    f.u8(token).u32(0).u32(0);
    EXPECT_EQ(read_fragment(builder, f).report.damaged, 1U) << token;
  }
  Fragment f(builder.position());
  f.event("5152").u8(0);
  EXPECT_EQ(read_fragment(builder, f).report.damaged, 1U);
}

TEST(EvtxTokens, ARecordWithoutAnEventIdIsNotOurs) {
  const EvtxBuilder builder;
  Fragment f(builder.position());
  f.open("Event").open("System").close().close().u8(0);
  const Reading reading = read_fragment(builder, f);
  EXPECT_EQ(reading.damage(), "");
  EXPECT_EQ(reading.report.records, 1U);
  EXPECT_EQ(reading.report.wanted, 0U);
}

TEST(EvtxBombs, DeepElementsEndAtTheLimit) {
  for (const unsigned depth : {kMaxDepth - 2, kMaxDepth + 1, 2000U}) {
    const EvtxBuilder builder;
    Fragment f(builder.position());
    f.event("5152");
    for (unsigned i = 0; i < depth; ++i) f.open("d");
    for (unsigned i = 0; i < depth; ++i) f.close();
    f.close().u8(0);
    const Reading reading = read_fragment(builder, f);
    EXPECT_EQ(reading.report.damaged, depth + 1 > kMaxDepth ? 1U : 0U) << depth;
    if (depth > kMaxDepth) {
      EXPECT_NE(reading.damage().find("deep"), std::string::npos);
    }
  }
}

// A template whose definition contains an instance of itself.
TEST(EvtxBombs, ATemplateInsideItselfIsDamage) {
  const EvtxBuilder builder;
  Fragment f(builder.position());
  f.u8(0x0c).u8(1).u32(7);
  const std::uint32_t definition = f.position() + 4;
  f.u32(definition).u32(0).u32(7).u32(0).u32(0).u32(0).u32(4 + 10 + 5);
  f.u32(0x0001010f).u8(0x0c).u8(1).u32(7).u32(definition);
  f.u32(0).u8(0);
  f.u32(0).u8(0);
  const Reading reading = read_fragment(builder, f);
  EXPECT_EQ(reading.report.damaged, 1U);
  EXPECT_NE(reading.damage().find("deep"), std::string::npos) << reading.damage();
}

// A value that is substituted thousands of times, inside a value that is so as well: the text of
// one small record would fill any memory.
TEST(EvtxBombs, RepeatedSubstitutionEndsAtALimit) {
  EvtxBuilder builder;
  Fragment f(builder.position());
  f.event("5152").open("EventData").open("Data");
  f.u8(0x0c).u8(1).u32(7);
  const std::uint32_t definition = f.position() + 4;
  constexpr std::uint32_t kRepeats = 6000;
  f.u32(definition).u32(0).u32(7).u32(0).u32(0).u32(0).u32(4 + 4 * kRepeats + 1).u32(0x0001010f);
  for (std::uint32_t i = 0; i < kRepeats; ++i) f.u8(0x0d).u16(0).u8(1);
  f.u8(0);
  f.u32(1).u16(20000).u8(1).u8(0).put(testing::utf16(std::string(10000, 'x')));
  f.close().close().close().u8(0);
  builder.add_fragment(f.bytes(), kTime);
  const Reading reading = read_bytes(builder.bytes());
  EXPECT_EQ(reading.report.damaged, 1U);
  EXPECT_NE(reading.damage().find("more text"), std::string::npos) << reading.damage();
}

TEST(EvtxBombs, NestedRepetitionEndsWithTheChunksTokens) {
  // Each of two values is a fragment whose template substitutes the other one's kind many times.
  EvtxBuilder builder;
  Fragment f(builder.position());
  f.event("5152").open("EventData").open("Data");
  f.u8(0x0c).u8(1).u32(7);
  const std::uint32_t definition = f.position() + 4;
  constexpr std::uint32_t kRepeats = 2000;
  f.u32(definition).u32(0).u32(7).u32(0).u32(0).u32(0).u32(4 + 4 * kRepeats + 1).u32(0x0001010f);
  for (std::uint32_t i = 0; i < kRepeats; ++i) f.u8(0x0d).u16(0).u8(0x21);
  f.u8(0);
  // Five levels of the same template, each inside the value of the one before.
  constexpr unsigned kLevels = 5;
  constexpr unsigned kHead = 4 + 10 + 4 + 4;
  f.u32(1).u16(kLevels * kHead).u8(0x21).u8(0);
  for (unsigned level = kLevels; level > 0; --level) {
    f.u32(0x0001010f).u8(0x0c).u8(1).u32(7).u32(definition);
    f.u32(1).u16((level - 1) * kHead).u8(0x21).u8(0);
  }
  f.close().close().close().u8(0);
  builder.add_fragment(f.bytes(), kTime);
  const Reading reading = read_bytes(builder.bytes());
  EXPECT_EQ(reading.report.damaged, 1U);
  EXPECT_NE(reading.damage().find("tokens"), std::string::npos) << reading.damage();
}

TEST(EvtxBombs, MoreTemplatesThanPlansAreStillRead) {
  EvtxBuilder builder;
  for (unsigned i = 0; i < 300; ++i) {
    testing::RecordSpec record;
    record.event_id = 5152;
    record.form = testing::RecordForm::kTemplates;
    record.data = {testing::text_field("F" + std::to_string(i), "v" + std::to_string(i))};
    builder.add(record);
  }
  const Reading reading = read_bytes(builder.bytes());
  EXPECT_EQ(reading.damage(), "");
  EXPECT_EQ(reading.events,
            read_bytes(builder.bytes(), all_actions(), DecodePath::kGeneral).events);
  EXPECT_EQ(reading.report.wanted, 300U);
}

TEST(EvtxBombs, DefinitionsAndNamesOutsideTheChunkAreDamage) {
  for (const std::uint32_t offset : {65535U, 65536U, 0x80000000U, 0xffffffffU}) {
    const EvtxBuilder builder;
    Fragment f(builder.position());
    f.u8(0x0c).u8(1).u32(7).u32(offset).u32(0).u8(0);
    EXPECT_EQ(read_fragment(builder, f).report.damaged, 1U) << offset;
    Fragment g(builder.position());
    g.u8(0x01).u32(0).u32(offset).u8(2).u8(4).u8(0);
    EXPECT_EQ(read_fragment(builder, g).report.damaged, 1U) << offset;
  }
}

}  // namespace
}  // namespace blockwatch::evtx
