#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "tests/winlog/read_text.h"
#include "tests/winlog/text_samples.h"

namespace blockwatch::winlog {
namespace {

using testing::HasSubstr;

// An nxlog record of which the tests change parts.
std::string nxlog(std::string_view process, std::string_view time, std::string_view message) {
  return R"({"EventID":5156,"SourceName":"Microsoft-Windows-Security-Auditing","Version":1,)"
         R"("Hostname":"H","RecordNumber":5,"Keywords":-9214364837600034816,"ThreadID":60,)"
         R"("Application":"\\device\\a.exe","FilterRTID":"7",)" +
         std::string(process) + "," + std::string(time) + R"(,"Message":")" + std::string(message) +
         "\"}";
}

constexpr const char* kTime = R"("EventTime":"2024-05-06T07:08:09Z")";
constexpr const char* kMessage =
    R"(Erlaubt.\r\n\r\nAnwendung:\r\n\tProzess-ID:\t\t2924\r\n\tName:\t\\device\\a.exe\r\n)";

TEST(JsonContainers, RecordsAreFoundInEachOfThem) {
  const std::string a = json_event(1);
  const std::string b = json_event(2);
  const std::string texts[] = {
      a + "\n" + b,
      a + "\r\n\r\n" + b + "\r\n",
      a + b,
      a + ",\n" + b,
      "\x1e" + a + "\n\x1e" + b + "\n",
      "[" + a + "," + b + "]",
      "[\n  " + a + " ,\n  " + b + "\n]\n",
      "[" + a + "]\n[" + b + "]",
      R"({"events":[)" + a + "," + b + "]}",
      R"({"count":2,"nested":{"events":[1,{"x":[]}]},"events":[)" + a + "," + b +
          R"(],"more":[{}]})",
      R"({"records":[)" + a + "]}\n" + R"({"records":[)" + b + "]}",
      R"({"Events":[)" + a + "," + b + "]}",
      R"({"events":[)" + a + R"(],"records":[)" + b + "]}",
  };
  for (const std::string& text : texts) {
    SCOPED_TRACE(text.substr(0, 60));
    for (std::size_t piece : {std::size_t{1}, std::size_t{1} << 20}) {
      const Reading reading = read_json_text(text, {piece});
      ASSERT_TRUE(reading.result);
      EXPECT_EQ(reading.report.damaged, 0U);
      const auto events = reading.events();
      ASSERT_EQ(events.size(), 2U);
      EXPECT_EQ(events[0].record_id, 1U);
      EXPECT_EQ(events[1].record_id, 2U);
    }
  }
}

TEST(JsonContainers, XmlTreeOfAWholeLogIsSplit) {
  const std::string event =
      R"({"System":{"EventID":"5158","TimeCreated":{"SystemTime":"2024-05-06T07:08:09Z"}},)"
      R"("EventData":{"Data":[{"Name":"SourcePort","text":"53"}]}})";
  EXPECT_EQ(read_json_text(R"({"Events":{"Event":[)" + event + "," + event + "]}}").report.wanted,
            2U);
  EXPECT_EQ(only_event(read_json_text(R"({"Events":{"Event":)" + event + "}}")).local_port, 53);
}

TEST(JsonContainers, BracesInStringsAreText) {
  const Reading reading = read_json_text(json_event(1, R"(}]{[\"}\\)") + json_event(2, R"(\\)"));
  ASSERT_EQ(reading.events().size(), 2U);
  EXPECT_EQ(raw_value(reading.events()[0], "Extra"), "}]{[\"}\\");
  EXPECT_EQ(raw_value(reading.events()[1], "Extra"), "\\");
}

TEST(JsonShapes, XmlStructureOfSeveralConverters) {
  const char* texts[] = {
      R"({"Event":{"System":{"Provider":{"Name":"Microsoft-Windows-Security-Auditing"},
          "EventID":"5157","Version":"1","EventRecordID":"9","Channel":"Security","Computer":"H",
          "TimeCreated":{"SystemTime":"2024-05-06T07:08:09.5Z"}},
          "EventData":{"Data":[{"text":"6","Name":"Protocol"},{"Name":"Application","text":"a"}]}}})",
      R"({"Event":{"#attributes":{"xmlns":"x"},"System":{"Provider":{"#attributes":
          {"Name":"Microsoft-Windows-Security-Auditing"}},"EventID":5157,"Version":1,
          "EventRecordID":9,"Channel":"Security","Computer":"H",
          "TimeCreated":{"#attributes":{"SystemTime":"2024-05-06T07:08:09.5Z"}}},
          "EventData":{"Protocol":6,"Application":"a"}}})",
      R"({"Event":{"@xmlns":"x","System":{"Provider":{"@Name":"Microsoft-Windows-Security-Auditing"},
          "EventID":{"#text":"5157","@Qualifiers":""},"Version":"1","EventRecordID":"9",
          "Channel":"Security","Computer":"H","TimeCreated":{"@SystemTime":"2024-05-06T07:08:09.5Z"}},
          "EventData":{"Data":[{"@Name":"Protocol","#text":"6"},
                               {"@Name":"Application","#text":"a"}]}}})",
      R"({"System":{"EventID":"5157","Version":"1","EventRecordID":"9","Channel":"Security",
          "Computer":"H","TimeCreated":{"$":{"SystemTime":"2024-05-06T07:08:09.5Z"}}},
          "EventData":{"Data":[{"$":{"Name":"Protocol"},"_":"6"},
                               {"$":{"Name":"Application"},"_":"a"}]}})",
  };
  for (const char* text : texts) {
    SCOPED_TRACE(text);
    const Reading reading = read_json_text(text);
    const Event event = only_event(reading);
    EXPECT_EQ(event.event_id, 5157);
    EXPECT_EQ(event.event_version, 1);
    EXPECT_EQ(event.record_id, 9U);
    EXPECT_EQ(event.host, "H");
    EXPECT_EQ(event.channel, "Security");
    EXPECT_EQ(format_rfc3339(event.time), "2024-05-06T07:08:09.5000000Z");
    EXPECT_EQ(event.protocol, 6);
    EXPECT_EQ(event.application, "a");
    EXPECT_EQ(event.raw.size(), 2U);
  }
}

TEST(JsonShapes, SingleDataElementAndNullValues) {
  const Event event = only_event(read_json_text(
      R"({"Event":{"System":{"EventID":5031,"TimeCreated":{"SystemTime":"2024-05-06T07:08:09Z"}},
         "EventData":{"Data":{"@Name":"Profiles","#text":"Domain"}}}})"));
  EXPECT_EQ(event.raw.size(), 1U);
  const Reading nulls = read_json_text(
      R"({"Event":{"System":{"EventID":5031,"TimeCreated":{"SystemTime":"2024-05-06T07:08:09Z"}},
         "EventData":{"Profiles":null,"Application":"a"}}})");
  EXPECT_EQ(raw_value(only_event(nulls), "Profiles"), "");
}

TEST(JsonShapes, Winlogbeat6) {
  const Reading reading = read_json_text(
      R"({"@timestamp":"2024-05-06T07:08:09.123Z","event_id":5159,"source_name":
         "Microsoft-Windows-Security-Auditing","log_name":"Security","record_number":"77",
         "computer_name":"H","host":{"name":"collector"},"process_id":4,
         "event_data":{"ProcessId":"12","SourcePort":"80"}})");
  const Event event = only_event(reading);
  EXPECT_EQ(event.event_id, 5159);
  EXPECT_EQ(event.host, "H");
  EXPECT_EQ(event.record_id, 77U);
  EXPECT_EQ(event.process_id, 12U);
  EXPECT_EQ(event.local_port, 80);
}

TEST(JsonShapes, Winlogbeat7PrefersTheRecordsOwnTime) {
  const Reading reading = read_json_text(
      R"({"@timestamp":"2024-05-06T07:08:10Z","event":{"code":"5157"},"winlog":{"time_created":
         "2024-05-06T07:08:09.1234567Z","event_data":{"Protocol":"6"}}})");
  EXPECT_EQ(format_rfc3339(only_event(reading).time), "2024-05-06T07:08:09.1234567Z");
}

TEST(JsonShapes, ElasticsearchHitsAreUnwrapped) {
  const Reading reading =
      read_json_text(R"({"_index":"w","_id":"1","_source":)" + json_event(3) + "}");
  EXPECT_EQ(only_event(reading).record_id, 3U);
}

TEST(JsonShapes, RawXmlIsTheRecord) {
  std::string xml = xml_event(8);
  xml.pop_back();
  for (const std::string& text : {R"({"time":"x","properties":{"RawXml":")" + xml + R"("}})",
                                  R"({"RawXml":")" + xml + R"("})", R"({"_raw":")" + xml + R"("})",
                                  R"({"result":{"_raw":")" + xml + R"("}})"}) {
    const Reading reading = read_json_text(text);
    EXPECT_EQ(only_event(reading).record_id, 8U);
  }
}

TEST(JsonShapes, LogAnalyticsKeepsTheDataAsXmlInAString) {
  const Reading reading = read_json_text(
      R"({"TimeGenerated":"2024-05-06T07:08:09.21Z","TimeCreated":"2024-05-06T03:08:09Z","Computer":"H",
         "EventSourceName":"Microsoft-Windows-Security-Auditing","EventID":5158,"ProcessId":"999",
         "EventData":"<EventData xmlns=\"x\">\r\n  <Data Name=\"ProcessId\">77<\/Data>\r\n<\/EventData>"})");
  const Event event = only_event(reading);
  EXPECT_EQ(event.process_id, 77U);
  EXPECT_EQ(event.raw.size(), 1U);
  EXPECT_EQ(format_rfc3339(event.time), "2024-05-06T07:08:09.2100000Z");
}

TEST(JsonShapes, FlatRecordsGiveTheKnownNamesOnly) {
  const Reading reading = read_json_text(nxlog(R"("ProcessId":"820")", kTime, ""));
  const Event event = only_event(reading);
  EXPECT_EQ(event.process_id, 820U);
  EXPECT_EQ(event.record_id, 5U);
  EXPECT_EQ(event.host, "H");
  EXPECT_EQ(raw_value(event, "ThreadID"), "(absent)");
  EXPECT_EQ(event.raw.size(), 3U);
}

TEST(JsonShapes, NumericProcessOfNxlogIsTheLoggersOwn) {
  const Reading reading = read_json_text(nxlog(R"("ProcessID":4)", kTime, kMessage));
  EXPECT_EQ(only_event(reading).process_id, 2924U);
  EXPECT_EQ(raw_value(only_event(reading), "ProcessID"), "4");
}

TEST(JsonShapes, ProcessIsUnknownWhenTheMessageDoesNotTell) {
  for (const char* message :
       {"", "no values", R"(\tA:\t\t12)", R"(\tA:\t\t12\r\n\tB:\tother.exe\r\n)",
        R"(\tA:\t\tx12\r\n\tB:\t\\device\\a.exe\r\n)"}) {
    EXPECT_EQ(only_event(read_json_text(nxlog(R"("ProcessID":4)", kTime, message))).process_id,
              std::nullopt)
        << message;
  }
}

TEST(JsonShapes, NumericProcessAmongNumbersIsTheEventsOwn) {
  const Reading reading = read_json_text(
      R"({"EventID":5158,"TimeCreated":"2024-05-06T07:08:09Z","ProcessId":31,"FilterRTID":9})");
  EXPECT_EQ(only_event(reading).process_id, 31U);
}

TEST(JsonShapes, ZonedTimesArePreferredAndOthersAreUtc) {
  const auto time_of = [](const char* times) {
    return format_rfc3339(only_event(read_json_text(nxlog(R"("ProcessId":"1")", times, ""))).time);
  };
  EXPECT_EQ(time_of(R"("EventTime":"2024-05-06 09:08:09","@timestamp":"2024-05-06T07:08:10.5Z")"),
            "2024-05-06T07:08:10.5000000Z");
  EXPECT_EQ(
      time_of(R"("EventTime":"2024-05-06T09:08:09+02:00","@timestamp":"2024-05-06T07:08:11Z")"),
      "2024-05-06T07:08:09.0000000Z");
  EXPECT_EQ(time_of(R"("EventTime":"2024-05-06 09:08:09")"), "2024-05-06T09:08:09.0000000Z");
}

TEST(JsonShapes, MessageOnlyFilesAreRefused) {
  for (
      const char* text :
      {R"({"winlog":{"event_id":5157,"provider_name":"Microsoft-Windows-Security-Auditing"},
           "message":"The Windows Filtering Platform has blocked a connection."})",
       R"({"EventID":5157,"TimeGenerated":"2024-05-06T07:08:09Z","RenderedDescription":"blocked"})",
       R"({"result":{"_raw":"05/06/2024\nLogName=Security\nEventCode=5157"}})"}) {
    const Reading reading = read_json_text(text);
    ASSERT_FALSE(reading.result);
    EXPECT_EQ(reading.result.error().code, ErrorCode::kUnsupported);
    EXPECT_THAT(reading.result.error().message, HasSubstr("localised message"));
  }
}

TEST(JsonShapes, MessageOnlyRecordAmongOthersIsDamage) {
  const Reading reading = read_json_text(json_event(1) + R"({"EventID":5157,"Message":"x"})");
  ASSERT_TRUE(reading.result);
  EXPECT_EQ(reading.report.wanted, 1U);
  ASSERT_EQ(reading.report.damaged, 1U);
  EXPECT_THAT(reading.report.damage[0].what, HasSubstr("localised message"));
}

TEST(JsonShapes, MessageOnlyRecordsBeforeOthersDoNotEndTheReading) {
  const std::string first = R"({"EventID":5157,"Message":"x"})";
  const Reading reading = read_json_text(first + first + json_event(1) + json_event(2));
  ASSERT_TRUE(reading.result);
  EXPECT_EQ(reading.report.wanted, 2U);
  ASSERT_EQ(reading.report.damaged, 2U);
  EXPECT_EQ(reading.report.damage[0].offset, 0U);
  EXPECT_EQ(reading.report.damage[1].offset, first.size());
  EXPECT_THAT(reading.report.damage[0].what, HasSubstr("localised message"));
}

TEST(JsonShapes, MessageOnlyRecordsDoNotFailALiveInput) {
  ReadOptions options = all_actions();
  options.live = true;
  const Reading reading =
      read_as(EventFormat::kJson, R"({"EventID":5157,"Message":"x"})", {1 << 20}, options);
  EXPECT_TRUE(reading.result);
  EXPECT_EQ(reading.report.damaged, 1U);
}

struct DamagedJson {
  const char* what;
  std::string text;
};

TEST(JsonDamage, IsNotedWithItsOffsetAndTheRestIsRead) {
  const std::string event = json_event(9);
  const DamagedJson cases[] = {
      {"cut off", event.substr(0, event.size() / 2) + "\""},
      {"cut off", R"({"a":{"b":1})"},
      {"cut off", R"({"a":1,)"},
      {"does not end", R"({"a":"unended)"},
      {"do not match", R"({"a":[1})"},
      {"malformed", R"({"a":1 "b":2})"},
      {"malformed", R"({"a":nope})"},
      {"malformed", R"({"a":01})"},
      {"malformed", R"({"a":"\ud800"})"},
      {"malformed", R"({"a":"\x"})"},
      {"malformed", R"({"a":1e999})"},
      {"occurs twice", R"({"a":1,"b":2,"a":3})"},
      {"occurs twice", R"({"x":{"a":1,"a":3}})"},
      {"JSON object was expected", "text"},
      {"JSON object was expected", "null"},
      {"JSON object was expected", "\"text\""},
      {"deeper than 64", R"({"a":)" + std::string(100, '[') + std::string(100, ']') + "}"},
      {"no Windows event", "{}"},
      {"no Windows event", R"({"EventID":"five"})"},
      {"event_id", R"({"winlog":{}})"},
      {"EventID", R"({"Event":{"System":{}}})"},
      {"readable time", R"({"EventID":5157,"Application":"a"})"},
      {"<EventData>", R"({"EventID":5157,"EventData":"<Other/>"})"},
      {"well-formed", R"({"EventID":5157,"EventData":"<EventData>"})"},
      {"well-formed", R"({"RawXml":"<Event>"})"},
  };
  const std::string first = json_event(1) + "\n";
  for (const DamagedJson& c : cases) {
    SCOPED_TRACE(c.text.substr(0, 60));
    const Reading reading = read_json_text(first + c.text + "\n" + json_event(2) + "\n");
    ASSERT_TRUE(reading.result);
    EXPECT_EQ(reading.report.wanted, 2U);
    ASSERT_EQ(reading.report.damaged, 1U);
    EXPECT_EQ(reading.report.damage[0].offset, first.size());
    EXPECT_THAT(reading.report.damage[0].what, HasSubstr(c.what));
  }
}

TEST(JsonDamage, ArrayGoesOnWithTheNextElement) {
  const Reading reading =
      read_json_text("[" + json_event(1) + R"(,{"a":1 {,{"a":nope},42,[1],)" + json_event(2) + "]");
  EXPECT_EQ(reading.report.wanted, 2U);
  EXPECT_GE(reading.report.damaged, 2U);
}

TEST(JsonDamage, SixtyFourLevelsAreStillRead) {
  const std::string deep =
      R"({"EventID":1,"a":)" + std::string(63, '[') + std::string(63, ']') + "}";
  const Reading reading = read_json_text(deep);
  EXPECT_EQ(reading.report.records, 1U);
  EXPECT_EQ(reading.report.damaged, 0U);
}

TEST(JsonDamage, CutOffEndIsDamage) {
  const std::string first = json_event(1) + "\n";
  const Reading object = read_json_text(first + R"({"a":[{"b)");
  EXPECT_EQ(object.report.wanted, 1U);
  ASSERT_EQ(object.report.damaged, 1U);
  EXPECT_EQ(object.report.damage[0].offset, first.size());
  const Reading array = read_json_text("[" + first);
  EXPECT_EQ(array.report.wanted, 1U);
  ASSERT_EQ(array.report.damaged, 1U);
  EXPECT_THAT(array.report.damage[0].what, HasSubstr("JSON array"));
}

TEST(JsonDamage, TooLongObjectIsDamageWhateverThePieces) {
  const std::string first = json_event(1) + "\n";
  const std::string text =
      first + json_event(2, std::string(kMaxRecordBytes, 'x')) + "\n" + json_event(3);
  for (std::size_t piece : {std::size_t{1} << 24, std::size_t{100000}, std::size_t{4096}}) {
    const Reading reading = read_json_text(text, {piece});
    EXPECT_EQ(reading.report.wanted, 2U);
    ASSERT_EQ(reading.report.damaged, 1U);
    EXPECT_EQ(reading.report.damage[0].offset, first.size());
    EXPECT_THAT(reading.report.damage[0].what, HasSubstr("4 MiB"));
  }
}

// One byte of a good file is changed: never a crash, never a record that is neither read nor named.
TEST(JsonDamage, AnyChangedByteLosesLittle) {
  std::string text;
  for (std::size_t i = 1; i <= 5; ++i) text += json_event(i) + "\n";
  for (std::uint32_t seed = 1; seed <= 500; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    std::string changed = text;
    changed[random() % text.size()] = static_cast<char>(random() % 256);
    const Reading reading = read_json_text(changed);
    if (!reading.result) continue;  // the very first byte, or every field's name in one record
    EXPECT_GE(reading.report.records, 3U);
    EXPECT_GE(reading.report.records + reading.report.damaged, 5U);
  }
}

}  // namespace
}  // namespace blockwatch::winlog
