#include "server/event_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>

#include "server/utf8.h"
#include "storage/words.h"
#include "tests/server/random_event.h"
#include "tests/support/reference_json.h"

namespace blockwatch {
namespace {

using Json = ReferenceJson;

std::string to_json(const Event& event, const EventFields& fields) {
  std::string out;
  append_json(out, event, fields);
  return out;
}

TEST(EventJson, SameBytesAsNlohmannForRandomEvents) {
  const std::uint64_t seed = 20260101;
  SCOPED_TRACE("seed " + std::to_string(seed));
  RandomEvents random(seed);
  EventFields with_raw = default_event_fields();
  with_raw.push_back(EventField::kRaw);
  for (int i = 0; i < 3000; ++i) {
    Event event = random.next();
    ASSERT_EQ(to_json(event, default_event_fields()), reference_json(event, false).dump());
    ASSERT_EQ(to_json(event, with_raw), reference_json(event, true).dump());
  }
}

TEST(EventJson, KeepsAllDigitsOfLargeNumbers) {
  Event event;
  event.event_id = 5157;
  event.record_id = 18'446'744'073'709'551'615U;
  event.filter_id = (std::uint64_t{1} << 53U) + 1;
  std::string json = to_json(event, {EventField::kRecordId, EventField::kFilterId});
  EXPECT_EQ(json, R"({"record_id":18446744073709551615,"filter_id":9007199254740993})");
}

TEST(EventJson, GivesFieldsInTheOrderAsked) {
  Event event;
  event.event_id = 5152;
  event.seq = 7;
  EXPECT_EQ(to_json(event, {EventField::kAction, EventField::kSeq, EventField::kId}),
            R"({"action":"drop","seq":7,"id":"7"})");
}

TEST(EventJson, ReplacesWhatIsNotUtf8) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"a\xFFz", "a\uFFFDz"},                  // never valid
      {"\xC0\xAF", "\uFFFD\uFFFD"},            // overlong
      {"\xED\xA0\x80", "\uFFFD\uFFFD\uFFFD"},  // surrogate
      {"\xF4\x90\x80\x80", "\uFFFD\uFFFD\uFFFD\uFFFD"},
      {"\xE2\x82", "\uFFFD\uFFFD"},  // cut
      {"\xE2\x82\xAC", "\u20AC"},
      {"\xF0\x9F\x92\xA9", "\U0001F4A9"},
  };
  for (const auto& [bytes, expected] : cases) {
    std::string out;
    append_json_string(out, bytes);
    EXPECT_EQ(Json::parse(out).get<std::string>(), expected);
    std::string valid;
    append_valid_utf8(valid, bytes);
    EXPECT_EQ(valid, expected);
    EXPECT_EQ(is_utf8(bytes), bytes == expected);
  }
}

TEST(EventJson, EscapesEveryControlCharacter) {
  std::string all;
  for (char c = 0; c < 0x7F; ++c) all += c;
  all += '\x7F';
  std::string out;
  append_json_string(out, all);
  EXPECT_EQ(out, Json(all).dump());
  EXPECT_EQ(out.find('\n'), std::string::npos);
}

// Bytes of every kind, at every distance from the ends of words and buffers.
TEST(EventJson, SameBytesAsNlohmannForRandomText) {
  const std::uint64_t seed = 20260103;
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  constexpr std::string_view kOften = "abcdefgh\\\"\n\xC3\xA4\xE2\x82\xAC";
  for (int i = 0; i < 20'000; ++i) {
    std::string text(random() % (i % 100 == 0 ? 5000 : 40), '\0');
    const auto wild = random() % 3;
    for (char& c : text) {
      c = random() % 4 < wild ? static_cast<char>(random()) : kOften[random() % kOften.size()];
    }
    std::string valid;
    append_valid_utf8(valid, text);
    std::string out = "before";
    append_json_string(out, text);
    ASSERT_EQ(out, "before" + Json(valid).dump());
  }
}

TEST(EventJson, RepeatedRawNamesAreKeptApart) {
  const std::vector<RawField> raw{{"Data", "a"}, {"Data", "b"}, {"", "c"}, {"Data", "d"}};
  Event event;
  event.event_id = 5157;
  event.raw = raw;
  EXPECT_EQ(to_json(event, {EventField::kRaw}),
            R"({"raw":{"Data":"a","Data#2":"b","":"c","Data#3":"d"}})");
}

TEST(EventJson, EveryFieldNameIsFoundAgain) {
  for (EventField field : default_event_fields()) EXPECT_EQ(event_field(to_word(field)), field);
  EXPECT_EQ(event_field("raw"), EventField::kRaw);
  EXPECT_EQ(event_field("Raw"), std::nullopt);
  EXPECT_EQ(event_field(""), std::nullopt);
}

// A plain reader of RFC 4180.
std::vector<std::string> read_csv_row(const std::string& row) {
  std::vector<std::string> values(1);
  bool quoted = false;
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (quoted && row[i] == '"' && i + 1 < row.size() && row[i + 1] == '"') {
      values.back() += '"';
      ++i;
    } else if (row[i] == '"') {
      quoted = !quoted;
    } else if (!quoted && row[i] == ',') {
      values.emplace_back();
    } else {
      values.back() += row[i];
    }
  }
  return values;
}

TEST(EventCsv, SameValuesAsJson) {
  const std::uint64_t seed = 20260102;
  SCOPED_TRACE("seed " + std::to_string(seed));
  RandomEvents random(seed);
  EventFields fields = default_event_fields();
  fields.push_back(EventField::kRaw);
  for (int i = 0; i < 1000; ++i) {
    Event event = random.next();
    std::string row;
    append_csv_row(row, event, fields);
    ASSERT_TRUE(row.ends_with("\r\n"));
    row.resize(row.size() - 2);
    std::vector<std::string> values = read_csv_row(row);
    ASSERT_EQ(values.size(), fields.size());
    Json json = reference_json(event, true);
    for (std::size_t k = 0; k < fields.size(); ++k) {
      const Json& value = json[std::string(to_word(fields[k]))];
      std::string expected = value.is_null()     ? ""
                             : value.is_string() ? value.get<std::string>()
                                                 : value.dump();
      ASSERT_EQ(values[k], expected) << to_word(fields[k]);
    }
  }
}

TEST(EventCsv, HeaderNamesTheFields) {
  std::string header;
  append_csv_header(header, std::vector{EventField::kTime, EventField::kRemotePort});
  EXPECT_EQ(header, "time,remote_port\r\n");
}

TEST(EventCsv, ValuesStayExact) {
  Event event;
  event.event_id = 5157;
  event.application = "=cmd|' /C calc'!A0";
  event.filter_name = "say \"no\",\r\nthen";
  std::string row;
  append_csv_row(row, event, std::vector{EventField::kApplication, EventField::kFilterName});
  EXPECT_EQ(row, "=cmd|' /C calc'!A0,\"say \"\"no\"\",\r\nthen\"\r\n");
}

}  // namespace
}  // namespace blockwatch
