// Real event files of many collectors against what an independent reader found in them.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>

#include "tests/winlog/read_text.h"

namespace blockwatch::winlog {
namespace {

using Json = nlohmann::json;

std::map<std::string, std::vector<Json>> truth_by_file(const std::filesystem::path& corpus) {
  std::map<std::string, std::vector<Json>> truth;
  std::ifstream in(corpus / "truth-dev-text.jsonl");
  for (std::string line; std::getline(in, line);) {
    Json record = Json::parse(line);
    truth[record["file"]].push_back(std::move(record));
  }
  return truth;
}

std::uint64_t as_number(const Json& value) {
  return value.is_string() ? std::stoull(value.get<std::string>()) : value.get<std::uint64_t>();
}

Json raw_object(const Event& event) {
  Json raw = Json::object();
  for (const RawField& field : event.raw) raw[std::string(field.name)] = field.value;
  return raw;
}

std::string number_text(const Json& data, const char* name) {
  return data.contains(name) ? data[name].get<std::string>() : "";
}

template <class T>
std::string to_text(const std::optional<T>& value) {
  return value ? std::to_string(*value) : "";
}

TEST(TextCorpus, EveryRecordIsFoundWithEqualFields) {
  if (!corpus()) GTEST_SKIP() << "BLOCKWATCH_CORPUS is not set";
  const auto truth = truth_by_file(*corpus());
  std::size_t records = 0;
  for (const auto& [file, expected] : truth) {
    SCOPED_TRACE(file);
    const std::string text = file_text(*corpus() / "text" / file);
    const auto format = sniff_format(text);
    if (file.ends_with(".txt")) {
      ASSERT_FALSE(format);
      EXPECT_EQ(format.error().code, ErrorCode::kUnsupported);
      continue;
    }
    ASSERT_TRUE(format) << format.error().message;
    const Reading reading = read_as(*format, text);
    ASSERT_TRUE(reading.result) << reading.result.error().message;
    EXPECT_EQ(reading.report.damaged, 0U)
        << (reading.report.damage.empty() ? "" : reading.report.damage[0].what);
    EXPECT_EQ(reading.report.bytes, text.size());
    const auto events = reading.events();
    ASSERT_EQ(events.size(), expected.size());
    for (std::size_t i = 0; i < events.size(); ++i) {
      const Event& event = events[i];
      const Json& want = expected[i];
      SCOPED_TRACE(want.dump());
      EXPECT_EQ(event.event_id, want["event_id"].get<int>());
      EXPECT_EQ(event.host, want["computer"].get<std::string>());
      if (want["record_id"].is_null()) {
        EXPECT_FALSE(event.record_id);
      } else {
        EXPECT_EQ(event.record_id, as_number(want["record_id"]));
      }
      EXPECT_EQ(event.event_version,
                want["version"].is_null() ? 0 : static_cast<int>(as_number(want["version"])));
      EXPECT_EQ(raw_object(event), want["data"]);
      EXPECT_EQ(to_text(event.protocol), number_text(want["data"], "Protocol"));
      EXPECT_EQ(to_text(event.layer_id), number_text(want["data"], "LayerRTID"));
      EXPECT_EQ(to_text(event.filter_id), number_text(want["data"], "FilterRTID"));
      ++records;
    }
  }
  EXPECT_GE(records, 563U);
}

// The message is written by Windows itself, so it has the process that nxlog overwrote.
TEST(TextCorpus, ProcessIsTheOneOfTheMessage) {
  if (!corpus()) GTEST_SKIP() << "BLOCKWATCH_CORPUS is not set";
  std::size_t compared = 0;
  for (const auto& [file, expected] : truth_by_file(*corpus())) {
    if (file.ends_with(".txt")) continue;
    const std::string text = file_text(*corpus() / "text" / file);
    const Reading reading = read_as(*sniff_format(text), text);
    const auto events = reading.events();
    ASSERT_EQ(events.size(), expected.size()) << file;
    for (std::size_t i = 0; i < events.size(); ++i) {
      const Json& message = expected[i]["message_fields"];
      if (!message.is_object()) continue;
      std::string process;
      for (const char* name : {"ProcessID", "ProcessId"}) {
        if (message.contains(name)) process = message[name];
      }
      if (process.empty()) continue;
      const std::string want = process == "0" ? "" : process;
      EXPECT_EQ(to_text(events[i].process_id), want) << file << " " << expected[i].dump();
      ++compared;
    }
  }
  EXPECT_GE(compared, 300U);
}

}  // namespace
}  // namespace blockwatch::winlog
