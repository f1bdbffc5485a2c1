#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/winlog/read_text.h"
#include "tests/winlog/text_samples.h"

namespace blockwatch::winlog {
namespace {

using testing::HasSubstr;

TEST(RenderedXml, RootIsOptional) {
  const std::string two = xml_event(1) + xml_event(2);
  for (const std::string& text :
       {two, "<Events>" + two + "</Events>", "<?xml version='1.0' encoding='utf-8'?>\n" + two,
        "<Events xmlns='urn:x'>\r\n" + two + "\r\n</Events>\r\n"}) {
    const Reading reading = read_xml(text);
    ASSERT_TRUE(reading.result);
    EXPECT_EQ(reading.report.wanted, 2U);
    EXPECT_EQ(reading.report.damaged, 0U);
  }
}

TEST(RenderedXml, EventViewersBranchMarksAreLookedThrough) {
  const Reading reading = read_xml(
      "- <Event xmlns=\"http://schemas.microsoft.com/win/2004/08/events/event\">\r\n"
      "- <System>\r\n  <Provider Name=\"Microsoft-Windows-Security-Auditing\" />\r\n"
      "  <EventID>5031</EventID>\r\n  <Version>0</Version>\r\n"
      "  <TimeCreated SystemTime=\"2024-05-06T07:08:09.5Z\" />\r\n"
      "  <Computer>HOST1</Computer>\r\n  </System>\r\n"
      "- <EventData>\r\n  <Data Name=\"Profiles\">Public</Data>\r\n"
      "  <Data Name=\"Application\">C:\\tools\\listen.exe</Data>\r\n  "
      "</EventData>\r\n</Event>\r\n");
  const Event event = only_event(reading);
  EXPECT_EQ(event.event_id, 5031);
  EXPECT_EQ(event.application, "C:\\tools\\listen.exe");
  EXPECT_EQ(raw_value(event, "Profiles"), "Public");
}

TEST(RenderedXml, TimesOfEvtxECmdAreUtc) {
  std::string text = xml_event(1);
  const std::string windows = "2024-05-06T07:08:09.123456700Z";
  text.replace(text.find(windows), windows.size(), "2024-05-06 07:08:09.1234567");
  EXPECT_EQ(format_rfc3339(only_event(read_xml(text)).time), "2024-05-06T07:08:09.1234567Z");
}

TEST(RenderedXml, ReferencesAreDecodedAndNothingElseIsExpanded) {
  const Reading reading = read_xml("<!DOCTYPE x [<!ENTITY lol 'ha'><!ENTITY more '&lol;&lol;'>]>" +
                                   xml_event(1, "&lt;&gt;&amp;&quot;&apos;&#65;&#x20AC;&more;"));
  EXPECT_EQ(raw_value(only_event(reading), "Extra"), "<>&\"'A\xE2\x82\xAC&more;");
}

TEST(RenderedXml, CdataCommentsAndInstructionsAreNoMarkup) {
  const Reading reading = read_xml("<!-- <Event> --><?x <Event> ?>" +
                                   xml_event(1, "a<![CDATA[</Event><Event>]]>b<!-- </Event> -->c"));
  EXPECT_EQ(raw_value(only_event(reading), "Extra"), "a</Event><Event>bc");
}

TEST(RenderedXml, QuotedAngleBracketsBelongToTheAttribute) {
  std::string text = xml_event(1);
  const std::string tag = "<Data Name='Extra'>";
  text.replace(text.find(tag), tag.size(), "<Data Name='a>\"</Event>\"' B=\"'>\">");
  // A '<' in an attribute is not XML; without it the value may hold anything.
  std::string good = xml_event(2);
  good.replace(good.find(tag), tag.size(), "<Data Name='a>\"' B=\"'/>\">");
  const Reading reading = read_xml(good);
  EXPECT_EQ(raw_value(only_event(reading), "a>\""), "");
  EXPECT_EQ(read_xml(text + good).report.damaged, 1U);
}

TEST(RenderedXml, NamespacePrefixesAreIgnored) {
  const Reading reading = read_xml(
      "<e:Event xmlns:e='urn:x'><e:System><e:Provider Name='Microsoft-Windows-Security-Auditing'/>"
      "<e:EventID Qualifiers=''> 5158 </e:EventID><e:TimeCreated "
      "SystemTime='2024-05-06T07:08:09Z'/>"
      "</e:System><e:EventData><e:Data Name='SourcePort'>53</e:Data></e:EventData></e:Event>");
  EXPECT_EQ(only_event(reading).local_port, 53);
}

TEST(RenderedXml, WhiteSpaceAndEmptyValuesAreKept) {
  EXPECT_EQ(raw_value(only_event(read_xml(xml_event(1, " "))), "Extra"), " ");
  EXPECT_EQ(raw_value(only_event(read_xml(xml_event(1, " a\tb "))), "Extra"), " a\tb ");
  EXPECT_EQ(raw_value(only_event(read_xml(xml_event(1))), "Extra"), "");
}

TEST(RenderedXml, OtherProvidersAndIdsAreRecordsOnly) {
  std::string foreign = xml_event(1);
  const std::string name = "Microsoft-Windows-Security-Auditing";
  foreign.replace(foreign.find(name), name.size(), "Microsoft-Windows-Eventlog");
  const Reading reading = read_xml(foreign + xml_event(2, "", 1102) + xml_event(3, "", 4624));
  EXPECT_EQ(reading.report.records, 3U);
  EXPECT_EQ(reading.report.wanted, 0U);
  EXPECT_EQ(reading.report.damaged, 0U);
}

TEST(RenderedXml, LogonsTellTheWindowsGeneration) {
  std::string logon = xml_event(1, "", 4624);  // version 1: Windows 8.1 and before
  const Reading reading = read_xml(logon + xml_event(2));
  EXPECT_EQ(only_event(reading).local_address, parse_ip_address("203.0.113.9"));
}

TEST(RenderedXml, ElementsNamedEventInTheDataBelongToTheRecord) {
  std::string text = xml_event(1);
  const std::string end = "</EventData>";
  text.replace(text.find(end), end.size(), end + "<UserData><Event>x</Event><Event/></UserData>");
  const Reading reading = read_xml(text + xml_event(2));
  EXPECT_EQ(reading.report.wanted, 2U);
  EXPECT_EQ(reading.report.damaged, 0U);
}

struct DamagedXml {
  const char* what;       // part of the message
  std::string text;       // the damaged record
  std::uint64_t records;  // readable ones, of the good record before and after it
};

TEST(RenderedXml, DamageIsNotedWithItsOffsetAndTheRestIsRead) {
  const std::string good = xml_event(1);
  std::string no_time = xml_event(9);
  no_time.replace(no_time.find("2024-05-06T"), 11, "yesterday  ");
  std::string early = xml_event(9);
  early.replace(early.find("2024"), 4, "1601");
  const DamagedXml cases[] = {
      {"without its end tag", good.substr(0, good.find("</EventData>")), 2},
      {"without its end tag", good.substr(0, good.find("'DestPort'")), 2},
      {"not well-formed", "<Event><System></Event>", 2},
      {"not well-formed", "<Event><System><EventID>5157</EventID></System></x></Event>", 2},
      {"without <System>", "<Event/>", 2},
      {"without <System>", "<Event>text</Event>", 2},
      {"EventID", "<Event><System/></Event>", 2},
      {"EventID", "<Event><System><EventID>five</EventID></System></Event>", 2},
      {"readable time", no_time, 2},
      {"1970", early, 2},
  };
  for (const DamagedXml& c : cases) {
    SCOPED_TRACE(c.what);
    const Reading reading = read_xml(good + c.text + xml_event(2));
    ASSERT_TRUE(reading.result);
    EXPECT_EQ(reading.report.records, c.records);
    ASSERT_EQ(reading.report.damaged, 1U);
    EXPECT_EQ(reading.report.damage[0].offset, good.size());
    EXPECT_THAT(reading.report.damage[0].what, HasSubstr(c.what));
  }
}

TEST(RenderedXml, CutOffEndIsDamage) {
  const std::string good = xml_event(1);
  const std::string second = xml_event(2);
  for (std::size_t size : {std::size_t{3}, std::size_t{6}, std::size_t{100}, second.size() - 5}) {
    const Reading reading = read_xml(good + second.substr(0, size));
    EXPECT_EQ(reading.report.wanted, 1U);
    ASSERT_EQ(reading.report.damaged, 1U) << size;
    EXPECT_EQ(reading.report.damage[0].offset, good.size());
    EXPECT_THAT(reading.report.damage[0].what, HasSubstr("ends inside"));
  }
}

TEST(RenderedXml, TooLongRecordIsDamageWhateverThePieces) {
  const std::string good = xml_event(1);
  const std::string text = good + xml_event(2, std::string(kMaxRecordBytes, 'x')) + xml_event(3);
  for (std::size_t piece : {std::size_t{1} << 24, std::size_t{100000}, std::size_t{4096}}) {
    const Reading reading = read_xml(text, {piece});
    EXPECT_EQ(reading.report.wanted, 2U);
    ASSERT_EQ(reading.report.damaged, 1U);
    EXPECT_EQ(reading.report.damage[0].offset, good.size());
    EXPECT_THAT(reading.report.damage[0].what, HasSubstr("4 MiB"));
  }
}

TEST(RenderedXml, UnendingMarkupIsBounded) {
  const std::string good = xml_event(1);
  const Reading reading = read_xml(good + "<!--" + std::string(2 * kMaxRecordBytes, 'x'), {65536});
  EXPECT_EQ(reading.report.wanted, 1U);
  EXPECT_EQ(reading.report.damage.at(0).offset, good.size());
}

TEST(RenderedXml, DeepNestingIsHarmless) {
  std::string deep = "<Event><System><EventID>1</EventID></System><UserData>";
  for (int i = 0; i < 200000; ++i) deep += "<a>";
  for (int i = 0; i < 200000; ++i) deep += "</a>";
  const Reading reading = read_xml(deep + "</UserData></Event>" + xml_event(2));
  EXPECT_EQ(reading.report.records, 2U);
}

}  // namespace
}  // namespace blockwatch::winlog
