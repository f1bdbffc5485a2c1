// 5447 in rendered XML and JSON: the reader learns from it, and tells who resolves names.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "monitor/name_resolver.h"
#include "tests/support/rendered_event.h"
#include "tests/winlog/read_text.h"

namespace blockwatch::winlog {
namespace {

std::string filter_record(const std::string& change_type, const std::string& name,
                          const std::string& time = "2026-01-02T03:04:04Z") {
  return "<Event><System><Provider Name='Microsoft-Windows-Security-Auditing'/>"
         "<EventID>5447</EventID><Version>0</Version><TimeCreated SystemTime='" +
         time +
         "'/><EventRecordID>1</EventRecordID><Channel>Security</Channel>"
         "<Computer>PC01.example.test</Computer></System><EventData>"
         "<Data Name='ChangeType'>" +
         change_type + "</Data><Data Name='FilterName'>" + name +
         "</Data><Data Name='FilterId'>70001</Data><Data Name='LayerId'>48</Data>"
         "</EventData></Event>";
}

std::vector<std::string> names(const Reading& reading) {
  std::vector<std::string> all;
  for (const Event& event : reading.events()) all.emplace_back(event.filter_name);
  return all;
}

TEST(FilterRecords, XmlNamesWhatFollows) {
  const Reading reading = read_xml(
      rendered_event(1) + filter_record("%%16384", "Block Outbound Default Rule") +
      rendered_event(2) + filter_record("%%16385", "", "2026-01-02T03:04:05Z") + rendered_event(3));
  EXPECT_THAT(names(reading), testing::ElementsAre("", "Block Outbound Default Rule", ""));
  EXPECT_EQ(reading.events()[1].reason, Reason::kDefaultOutbound);
  EXPECT_EQ(reading.report.records, 5U);
  EXPECT_EQ(reading.report.damaged, 0U);
}

TEST(FilterRecords, JsonNamesWhatFollows) {
  const auto record = [](int id, const std::string& data) {
    return R"({"Event":{"System":{"Provider":{"@Name":"Microsoft-Windows-Security-Auditing"},)"
           R"("EventID":)" +
           std::to_string(id) +
           R"(,"TimeCreated":{"@SystemTime":"2026-01-02T03:04:05Z"},"EventRecordID":7,)"
           R"("Channel":"Security","Computer":"PC01"},"EventData":)" +
           data + "}}\n";
  };
  const Reading reading = read_json_text(
      record(5447, R"({"ChangeType":"%%16384","FilterName":"Mine","FilterId":"70001"})") +
      record(5157, R"({"ProcessID":"4","Application":"System","FilterRTID":"70001"})"));
  EXPECT_THAT(names(reading), testing::ElementsAre("Mine"));
}

TEST(FilterRecords, WhatCannotBeReadTeachesNothingAndIsNoDamage) {
  for (const std::string& record :
       {filter_record("%%16384", "x", "yesterday"), filter_record("%%16384", "\xFF")}) {
    const Reading reading = read_xml(record + rendered_event(2));
    EXPECT_THAT(names(reading), testing::ElementsAre(""));
    EXPECT_EQ(reading.report.damaged, 0U);
  }
}

class Resolver : public NameResolver {
 public:
  void resolve(Event& event, TextArena& text) override {
    seen.emplace_back(event.filter_name);
    event.filter_name = text.copy("resolved");
  }
  void filter_changed(std::uint64_t filter_id) override { changed.push_back(filter_id); }
  std::string fault() const override { return {}; }

  std::vector<std::string> seen;
  std::vector<std::uint64_t> changed;
};

TEST(FilterRecords, TheResolverSeesTheEventLastAndHearsOfChanges) {
  Resolver resolver;
  ReadOptions options = all_actions();
  options.names = &resolver;
  const Reading reading = read_as(
      EventFormat::kXml, rendered_event(1) + filter_record("%%16384", "Mine") + rendered_event(2),
      {1 << 20}, options);
  EXPECT_THAT(names(reading), testing::ElementsAre("resolved", "resolved"));
  EXPECT_THAT(resolver.seen, testing::ElementsAre("", "Mine"));
  EXPECT_THAT(resolver.changed, testing::ElementsAre(70001));
}

}  // namespace
}  // namespace blockwatch::winlog
