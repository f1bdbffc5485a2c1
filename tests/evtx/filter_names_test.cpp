// 4608 and 5447 in EVTX files: events get the name that their filter had.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/evtx/log_fixture.h"

namespace blockwatch::evtx {
namespace {

using testing::EvtxBuilder;
using testing::RecordForm;
using testing::RecordSpec;

RecordSpec at(RecordSpec record, std::int64_t seconds, RecordForm form) {
  record.time.ticks += seconds * Timestamp::kTicksPerSecond;
  record.form = form;
  return record;
}

RecordSpec filter_changed(std::string_view change_type, std::string_view name) {
  RecordSpec record;
  record.event_id = 5447;
  record.data = {testing::uint32_field("ProcessId", 284),
                 testing::text_field("ChangeType", change_type),
                 testing::text_field("FilterName", name), testing::uint64_field("FilterId", 70001),
                 testing::uint32_field("LayerId", 44)};
  return record;
}

RecordSpec started() {
  RecordSpec record;
  record.event_id = 4608;
  return record;
}

RecordSpec blocked() { return connection(5157, testing::Windows::k10, {}); }

std::vector<std::string> filter_names(const Reading& reading) {
  std::vector<std::string> names;
  for (const EventList& list : reading.batches) {
    for (const Event& event : list.events) names.emplace_back(event.filter_name);
  }
  return names;
}

TEST(EvtxFilterNames, AreThoseInForceWhenTheEventHappened) {
  for (const RecordForm form :
       {RecordForm::kTemplates, RecordForm::kOneTemplate, RecordForm::kText}) {
    EvtxBuilder log;
    log.add(at(blocked(), 0, form))
        .add(at(filter_changed("%%16384", "Query User"), 1, form))
        .add(at(blocked(), 2, form))
        .add(at(filter_changed("%%16385", "Query User"), 3, form))
        .add(at(blocked(), 4, form))
        .add(at(filter_changed("%%16384", "Mine"), 5, form))
        .end_chunk()
        .add(at(blocked(), 6, form))
        .add(at(started(), 7, form))
        .add(at(blocked(), 8, form));
    for (const DecodePath path : {DecodePath::kPlans, DecodePath::kGeneral}) {
      const Reading reading = read_bytes(log.bytes(), all_actions(), path);
      EXPECT_EQ(reading.damage(), "");
      EXPECT_THAT(filter_names(reading), ::testing::ElementsAre("", "Query User", "", "Mine", ""));
      EXPECT_EQ(reading.report.records, 9U);
      EXPECT_EQ(reading.batches.at(0).events.at(1).reason, Reason::kQueryUser);
    }
  }
}

TEST(EvtxFilterNames, AreTheSameWithManyThreads) {
  EvtxBuilder log;
  for (int i = 0; i < 6000; ++i) {
    log.add(at(filter_changed("%%16384", "filter " + std::to_string(i / 10)), 2 * i,
               RecordForm::kTemplates));
    log.add(at(blocked(), 2 * i + 1, RecordForm::kTemplates));
  }
  ReadOptions options = all_actions();
  options.threads = 1;
  const Reading alone = read_bytes(log.bytes(), options);
  ASSERT_EQ(alone.events.size(), 6000U);
  EXPECT_EQ(filter_names(alone)[5999], "filter 599");
  options.threads = 4;
  EXPECT_EQ(read_bytes(log.bytes(), options).events, alone.events);
}

TEST(EvtxFilterNames, OtherProvidersTellNothing) {
  EvtxBuilder log;
  RecordSpec record = filter_changed("%%16384", "Query User");
  record.provider = "Microsoft-Windows-Eventlog";
  log.add(record).add(at(blocked(), 2, RecordForm::kTemplates));
  EXPECT_THAT(filter_names(read_bytes(log.bytes())), ::testing::ElementsAre(""));
}

}  // namespace
}  // namespace blockwatch::evtx
