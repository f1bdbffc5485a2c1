// What both text readers share: encodings, pieces, batches, stopping, formats that are refused.

#include "monitor/winlog/text_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <random>

#include "monitor/winlog/text_record.h"
#include "tests/winlog/read_text.h"
#include "tests/winlog/text_samples.h"

namespace blockwatch::winlog {
namespace {

using testing::HasSubstr;

std::string to_utf16(std::string_view ascii, bool little) {
  std::string out = little ? "\xFF\xFE" : "\xFE\xFF";
  for (char c : ascii) {
    if (little) {
      out += c;
      out += '\0';
    } else {
      out += '\0';
      out += c;
    }
  }
  return out;
}

void expect_same(const Reading& a, const Reading& b) {
  ASSERT_EQ(a.result.has_value(), b.result.has_value());
  EXPECT_EQ(a.report.records, b.report.records);
  EXPECT_EQ(a.report.wanted, b.report.wanted);
  ASSERT_EQ(a.report.damaged, b.report.damaged);
  for (std::size_t i = 0; i < a.report.damage.size(); ++i) {
    EXPECT_EQ(a.report.damage[i].offset, b.report.damage[i].offset);
    EXPECT_EQ(a.report.damage[i].what, b.report.damage[i].what);
  }
  const auto left = a.events();
  const auto right = b.events();
  ASSERT_EQ(left.size(), right.size());
  for (std::size_t i = 0; i < left.size(); ++i) {
    EXPECT_EQ(left[i].record_id, right[i].record_id);
    EXPECT_EQ(left[i].time, right[i].time);
    EXPECT_EQ(left[i].local_address, right[i].local_address);
    ASSERT_EQ(left[i].raw.size(), right[i].raw.size());
    for (std::size_t k = 0; k < left[i].raw.size(); ++k) {
      EXPECT_EQ(left[i].raw[k].name, right[i].raw[k].name);
      EXPECT_EQ(left[i].raw[k].value, right[i].raw[k].value);
    }
  }
}

struct Mixed {
  EventFormat format;
  std::string text;
};

// Good and damaged records of both formats, with characters of two, three and four bytes.
std::vector<Mixed> mixed_inputs() {
  std::string xml = "<?xml version=\"1.0\"?>\n<Events>\n" + xml_event(1) +
                    "<!-- </Event> --><Event><System></System></Event>\n" +
                    xml_event(2, "caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80") +
                    "<Event><System><EventID>5157\n" + xml_event(3) + "</Events>\n";
  std::string json = json_event(1) + "\n{\"EventID\": \n" + json_event(2, "\xE2\x82\xAC") +
                     "\n{\"broken\n[" + json_event(3) + ",\n" + json_event(4) + "]\n";
  return {{EventFormat::kXml, xml}, {EventFormat::kJson, json}};
}

TEST(Pieces, EveryPieceSizeGivesTheSame) {
  for (const Mixed& input : mixed_inputs()) {
    const Reading whole = read_as(input.format, input.text);
    EXPECT_EQ(whole.report.wanted, input.format == EventFormat::kXml ? 3U : 4U);
    EXPECT_EQ(whole.report.damaged, 2U);
    for (std::size_t size = 1; size <= 7; ++size) {
      SCOPED_TRACE(size);
      expect_same(read_as(input.format, input.text, {size}), whole);
    }
    for (std::uint32_t seed = 1; seed <= 20; ++seed) {
      SCOPED_TRACE("seed " + std::to_string(seed));
      std::mt19937 random(seed);
      std::vector<std::size_t> sizes;
      for (int i = 0; i < 50; ++i) sizes.push_back(1 + random() % 90);
      expect_same(read_as(input.format, input.text, sizes), whole);
    }
  }
}

TEST(Pieces, EveryBoundaryGivesTheSame) {
  for (const Mixed& input : mixed_inputs()) {
    const Reading whole = read_as(input.format, input.text);
    for (std::size_t cut = 1; cut < input.text.size(); ++cut) {
      SCOPED_TRACE(cut);
      expect_same(read_as(input.format, input.text, {cut, 1 << 20}), whole);
    }
  }
}

TEST(Encoding, Utf16OfBothOrdersWithMarkIsRead) {
  const std::string xml = "<Events>\r\n" + xml_event(1) + "\r\n" + xml_event(2) + "</Events>";
  const std::string json = "[" + json_event(1) + "," + json_event(2) + "]";
  for (bool little : {true, false}) {
    for (std::size_t piece : {std::size_t{1}, std::size_t{3}, std::size_t{1} << 20}) {
      const Reading x = read_xml(to_utf16(xml, little), {piece});
      ASSERT_TRUE(x.result);
      EXPECT_EQ(x.report.wanted, 2U);
      EXPECT_EQ(x.report.bytes, 2 * xml.size() + 2);
      EXPECT_EQ(read_json_text(to_utf16(json, little), {piece}).report.wanted, 2U);
    }
  }
}

TEST(Encoding, OffsetsAreThoseOfTheInput) {
  const std::string head = "<Events>\n" + xml_event(1);
  const std::string bad = "<Event><System></System></Event>";
  const std::string text = head + bad + xml_event(2) + "</Events>";
  EXPECT_EQ(read_xml(text).report.damage.at(0).offset, head.size());
  EXPECT_EQ(read_xml("\xEF\xBB\xBF" + text).report.damage.at(0).offset, head.size() + 3);
  EXPECT_EQ(read_xml(to_utf16(text, true)).report.damage.at(0).offset, 2 * head.size() + 2);
  EXPECT_EQ(read_xml(to_utf16(text, false), {5}).report.damage.at(0).offset, 2 * head.size() + 2);
}

TEST(Encoding, SurrogatePairsAreOneCharacterAndLoneOnesAreReplaced) {
  std::string text = to_utf16(xml_event(1, "@"), true);
  const std::size_t at = text.find('@');
  text.replace(at, 2, "\x3D\xD8\x00\xDE", 4);  // U+1F600
  const Reading pair = read_xml(text, {1});
  EXPECT_EQ(raw_value(pair.events().at(0), "Extra"), "\xF0\x9F\x98\x80");
  // Behind it, offsets count its four bytes.
  const std::string bad = to_utf16("<Event/>", true).substr(2);
  EXPECT_EQ(read_xml(text + bad).report.damage.at(0).offset, text.size());
  text.replace(at, 4, "\x3D\xD8", 2);
  const Reading lone = read_xml(text);
  EXPECT_EQ(raw_value(lone.events().at(0), "Extra"), "\xEF\xBF\xBD");
}

TEST(Encoding, HalfAUtf16CharacterAtTheEndIsDamage) {
  const std::string text = to_utf16(xml_event(1), true) + "x";
  const Reading reading = read_xml(text);
  EXPECT_EQ(reading.report.wanted, 1U);
  ASSERT_EQ(reading.report.damaged, 1U);
  EXPECT_EQ(reading.report.damage[0].offset, text.size() - 1);
}

TEST(Encoding, InvalidUtf8IsDamage) {
  for (const char* bad : {"\xFF", "\xC0\xAF", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xE2\x82"}) {
    const Reading xml = read_xml(xml_event(1, bad) + xml_event(2));
    EXPECT_EQ(xml.report.wanted, 1U);
    EXPECT_EQ(xml.report.damaged, 1U);
    const Reading json = read_json_text(json_event(1, bad) + "\n" + json_event(2));
    EXPECT_EQ(json.report.wanted, 1U);
    EXPECT_EQ(json.report.damaged, 1U);
  }
}

// `text` with `name` in place of its first `old`.
std::string renamed(std::string text, std::string_view old, const std::string& name) {
  return text.replace(text.find(old), old.size(), name);
}

TEST(Names, LongerThanAllowedAreDamage) {
  const std::string longest(1024, 'n');
  for (const auto& [old, what] : {std::pair{"HOST1", "computer name longer than 1024 bytes"},
                                  std::pair{"Security<", "channel name longer than 1024 bytes"}}) {
    SCOPED_TRACE(what);
    const std::string end = std::string_view(old).ends_with('<') ? "<" : "";
    const std::string kept = renamed(xml_event(1), old, longest + end);
    const Reading reading =
        read_xml(kept + renamed(xml_event(2), old, longest + "n" + end) + xml_event(3));
    ASSERT_TRUE(reading.result);
    EXPECT_EQ(reading.report.wanted, 2U);
    ASSERT_EQ(reading.report.damaged, 1U);
    EXPECT_EQ(reading.report.damage[0].offset, kept.size());
    EXPECT_THAT(reading.report.damage[0].what, HasSubstr(what));
  }
}

TEST(Utf8, ChecksEveryForm) {
  EXPECT_TRUE(is_utf8(""));
  EXPECT_TRUE(is_utf8("a\xC2\x80\xE0\xA0\x80\xED\x9F\xBF\xF0\x90\x80\x80\xF4\x8F\xBF\xBF"));
  for (const char* bad : {"\x80", "\xC1\xBF", "\xC2", "\xE0\x9F\xBF", "\xED\xA0\x80",
                          "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xC2\x41"}) {
    EXPECT_FALSE(is_utf8(bad));
  }
}

TEST(Batches, HoldALimitedNumberOfEvents) {
  std::string text;
  for (std::size_t i = 0; i < kMaxBatchEvents + 10; ++i) text += json_event(i) + "\n";
  const Reading reading = read_json_text(text);
  ASSERT_EQ(reading.batches.size(), 2U);
  EXPECT_EQ(reading.batches[0].events.size(), kMaxBatchEvents);
  EXPECT_EQ(reading.batches[1].events.size(), 10U);
  for (const EventList& batch : reading.batches) {
    EXPECT_EQ(batch.events[0].source, "test:text");
    EXPECT_EQ(batch.events[0].host, "HOST1");
    EXPECT_EQ(batch.events[0].channel, "Security");
  }
}

TEST(Batches, HoldALimitedAmountOfText) {
  const std::string filling(1 << 20, 'x');
  std::string text;
  for (int i = 0; i < 10; ++i) text += json_event(1, filling) + "\n";
  const Reading reading = read_json_text(text);
  EXPECT_EQ(reading.events().size(), 10U);
  for (const EventList& batch : reading.batches) {
    EXPECT_LE(batch.text.size(), RecordSink::kMaxBatchText + (2U << 20));
  }
  EXPECT_GE(reading.batches.size(), 2U);
}

TEST(Stopping, ReceiverThatWantsNoMoreEndsTheReading) {
  std::string text;
  for (std::size_t i = 0; i < 3 * kMaxBatchEvents; ++i) text += json_event(i) + "\n";
  int batches = 0;
  FileReport report;
  const auto result = read_json(
      pieces(text, {4096}), all_actions(),
      [&](EventList&&) {
        ++batches;
        return false;
      },
      report);
  EXPECT_TRUE(result);
  EXPECT_EQ(batches, 1);
  EXPECT_LT(report.bytes, text.size());
}

TEST(Stopping, StopTokenEndsTheReading) {
  const std::string text = xml_event(1) + xml_event(2) + xml_event(3);
  std::stop_source stop;
  stop.request_stop();
  ReadOptions options = all_actions();
  options.stop = stop.get_token();
  const Reading reading = read_as(EventFormat::kXml, text, {1 << 20}, options);
  EXPECT_TRUE(reading.result);
  EXPECT_EQ(reading.report.records, 1U);
}

TEST(Progress, IsReportedNowAndThen) {
  std::string text;
  for (std::size_t i = 0; i < 3000; ++i) text += json_event(i) + "\n";
  ReadOptions options = all_actions();
  std::vector<std::uint64_t> seen;
  options.progress = [&](const FileReport& report) { seen.push_back(report.records); };
  read_as(EventFormat::kJson, text, {4096}, options);
  EXPECT_THAT(seen, testing::ElementsAre(1024U, 2048U));
}

TEST(Failing, InputErrorIsPassedOnAndWhatWasReadIsEmitted) {
  for (const Mixed& input : mixed_inputs()) {
    bool delivered = false;
    const ReadFn failing = [&](std::span<char> buffer) -> Result<std::size_t> {
      if (delivered) return make_error(ErrorCode::kIo, "the disk is gone");
      delivered = true;
      std::memcpy(buffer.data(), input.text.data(), input.text.size());
      return input.text.size();
    };
    FileReport report;
    std::size_t events = 0;
    const auto emit = [&](EventList&& list) {
      events += list.events.size();
      return true;
    };
    const auto read = input.format == EventFormat::kXml ? read_rendered_xml : read_json;
    const auto result = read(failing, all_actions(), emit, report);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::kIo);
    EXPECT_EQ(result.error().message, "the disk is gone");
    EXPECT_EQ(events, report.wanted);
    EXPECT_GE(events, 3U);
  }
}

TEST(Wanted, OnlyTheRecordedActionsAreTaken) {
  ReadOptions options = all_actions();
  options.record = kBlocksAndDrops;
  const std::string text = xml_event(1, "", 5156) + xml_event(2, "", 5157) +
                           xml_event(3, "", 5152) + xml_event(4, "", 4624);
  const Reading reading = read_as(EventFormat::kXml, text, {1 << 20}, options);
  EXPECT_EQ(reading.report.records, 4U);
  EXPECT_EQ(reading.report.wanted, 2U);
  EXPECT_EQ(reading.events().size(), 2U);
}

TEST(Empty, NothingButWhiteSpaceIsAnEmptyLog) {
  for (const char* text : {"", " \r\n\t", "\xEF\xBB\xBF\n"}) {
    EXPECT_TRUE(read_xml(text).result);
    EXPECT_TRUE(read_json_text(text).result);
  }
  EXPECT_TRUE(read_xml("<Events/>").result);
  EXPECT_TRUE(read_json_text("[]").result);
  EXPECT_EQ(read_json_text("[]").report.damaged, 0U);
}

TEST(Format, IsToldByTheFirstBytes) {
  const auto sniff = [](std::string_view text) { return sniff_format(text); };
  EXPECT_EQ(sniff(std::string_view("ElfFile\0\0\0", 10)).value(), EventFormat::kEvtx);
  EXPECT_EQ(sniff("<?xml version='1.0'?>").value(), EventFormat::kXml);
  EXPECT_EQ(sniff("\r\n <Event>").value(), EventFormat::kXml);
  EXPECT_EQ(sniff("- <Event xmlns=\"x\">").value(), EventFormat::kXml);
  EXPECT_EQ(sniff("\xEF\xBB\xBF{\"a\":1}").value(), EventFormat::kJson);
  EXPECT_EQ(sniff(" [").value(), EventFormat::kJson);
  EXPECT_EQ(sniff(to_utf16("<Events>", true)).value(), EventFormat::kXml);
  EXPECT_EQ(sniff(to_utf16("\r\n{", false)).value(), EventFormat::kJson);
  for (const char* other : {"", "ElfFile", "hello", "PK\x03\x04", "-", "%PDF-1.4"}) {
    ASSERT_FALSE(sniff(other)) << other;
    EXPECT_EQ(sniff(other).error().code, ErrorCode::kInvalidArgument) << other;
    EXPECT_THAT(sniff(other).error().message, HasSubstr("expected"));
  }
}

TEST(Format, MessageOnlyExportsAreRefusedWithTheReason) {
  const char* exports[] = {
      "04/03/2019 11:58:59 AM\nLogName=Security\nEventCode=5157\nMessage=blocked",
      "Log Name:      Security\r\nSource:        Microsoft-Windows-Security-Auditing\r\n",
      "Keywords,Date and Time,Source,Event ID,Task Category\r\n",
  };
  for (const char* text : exports) {
    const auto sniffed = sniff_format(std::string_view(text));
    ASSERT_FALSE(sniffed);
    EXPECT_EQ(sniffed.error().code, ErrorCode::kUnsupported);
    EXPECT_THAT(sniffed.error().message, HasSubstr("localised message"));
    for (auto format : {EventFormat::kXml, EventFormat::kJson}) {
      for (std::size_t piece : {std::size_t{1}, std::size_t{4096}}) {
        const Reading reading = read_as(format, text, {piece});
        ASSERT_FALSE(reading.result);
        EXPECT_EQ(reading.result.error().code, ErrorCode::kUnsupported) << text;
      }
    }
  }
}

TEST(Format, TheOtherFormatIsNamed) {
  EXPECT_EQ(read_xml("{\"a\":1}").result.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(read_xml("{\"a\":1}").result.error().message, HasSubstr("expected XML"));
  EXPECT_THAT(read_json_text("<Event/>").result.error().message, HasSubstr("expected JSON"));
  EXPECT_THAT(read_json_text("nonsense").result.error().message, HasSubstr("not an event log"));
  EXPECT_THAT(read_xml("<html></html>").result.error().message, HasSubstr("<Event>"));
}

}  // namespace
}  // namespace blockwatch::winlog
