// What the builder writes, the reader finds: every kind of record, in every form, on both paths.

#include <gtest/gtest.h>

#include <random>

#include "tests/evtx/log_fixture.h"

namespace blockwatch::evtx {
namespace {

using testing::EvtxBuilder;
using testing::RecordForm;

constexpr RecordForm kForms[] = {RecordForm::kTemplates, RecordForm::kOneTemplate,
                                 RecordForm::kText};

TEST(EvtxRoundTrip, EveryKindOfRecordIsFound) {
  for (const RecordForm form : kForms) {
    EvtxBuilder builder;
    add_every_kind(builder, form);
    const Reading reading = read_bytes(builder.bytes());
    ASSERT_TRUE(reading.position) << reading.position.error().message;
    EXPECT_EQ(reading.report.records, kEveryKind);
    EXPECT_EQ(reading.report.wanted, kEveryKindWanted);
    EXPECT_EQ(reading.report.damaged, 0U) << reading.damage();
    EXPECT_EQ(reading.position->newest_record_id, kEveryKind);
  }
}

TEST(EvtxRoundTrip, EveryFormGivesTheSameEvents) {
  std::vector<std::vector<std::string>> readings;
  for (const RecordForm form : kForms) {
    EvtxBuilder builder;
    add_every_kind(builder, form);
    for (const DecodePath path : {DecodePath::kPlans, DecodePath::kGeneral})
      readings.push_back(read_bytes(builder.bytes(), all_actions(), path).events);
  }
  for (const auto& reading : readings) EXPECT_EQ(reading, readings.front());
}

TEST(EvtxRoundTrip, FieldsAreAsWritten) {
  testing::Flow flow;
  flow.inbound = false;
  flow.source_address = "10.1.2.3";
  flow.source_port = 51000;
  flow.dest_address = "2001:db8::1";
  flow.dest_port = 8443;
  flow.application = R"(\device\harddiskvolume2\tools\é中😀.exe)";
  testing::RecordSpec record = testing::connection(5157, testing::Windows::k11, flow);
  record.record_id = 77;
  record.computer = "pc.example.org";
  record.channel = "security";
  EvtxBuilder builder;
  builder.add(record);
  const Reading reading = read_bytes(builder.bytes(), {});
  ASSERT_EQ(reading.events.size(), 1U) << reading.damage();
  const Event& event = reading.batches[0].events[0];
  EXPECT_EQ(event.event_id, 5157);
  EXPECT_EQ(event.event_version, 3);
  EXPECT_EQ(event.record_id, 77U);
  EXPECT_EQ(event.host, "pc.example.org");
  EXPECT_EQ(event.channel, "security");
  EXPECT_EQ(event.source, "evtx:test");
  EXPECT_EQ(event.time, record.time);
  EXPECT_EQ(event.application, flow.application);
  EXPECT_EQ(event.local_port, 51000);
  EXPECT_EQ(event.remote_port, 8443);
  EXPECT_EQ(format_ip_address(event.remote_address.value()), "2001:db8::1");
  ASSERT_EQ(event.raw.size(), 19U);
  EXPECT_EQ(event.raw[0].name, "ProcessID");
  EXPECT_EQ(event.raw[0].value, "4321");
  EXPECT_EQ(event.raw[13].name, "RemoteUserID");
  EXPECT_EQ(event.raw[13].value, "S-1-0-0");
}

TEST(EvtxRoundTrip, OnlyTheRecordedActionsAreEmitted) {
  EvtxBuilder builder;
  add_every_kind(builder, RecordForm::kTemplates);
  const Reading reading = read_bytes(builder.bytes(), {});
  for (const EventList& batch : reading.batches)
    for (const Event& event : batch.events) EXPECT_NE(action_of(event.event_id), Action::kPermit);
  EXPECT_EQ(reading.report.wanted, kEveryKindWanted - 5);
  EXPECT_EQ(reading.report.records, kEveryKind);
}

TEST(EvtxRoundTrip, AnotherProvidersIdsAreNotOurs) {
  EvtxBuilder builder;
  for (const RecordForm form : kForms) {
    testing::RecordSpec record = testing::connection(5157, testing::Windows::k10, {});
    record.provider = "Some-Other-Provider";
    record.form = form;
    builder.add(record);
    record.provider = "MICROSOFT-WINDOWS-SECURITY-AUDITING";
    builder.add(record);
  }
  const Reading reading = read_bytes(builder.bytes());
  EXPECT_EQ(reading.report.records, 6U);
  EXPECT_EQ(reading.report.wanted, 3U);
}

TEST(EvtxRoundTrip, ManyChunksKeepTheirOrderWithAnyNumberOfThreads) {
  EvtxBuilder builder;
  std::mt19937 random(20260202);
  while (builder.chunks() < 70) {
    testing::Flow flow;
    flow.source_port = static_cast<std::uint16_t>(random());
    switch (random() % 4) {
      case 0:
        builder.add(testing::logon(2));
        break;
      case 1:
        builder.add(testing::packet(5152, testing::Windows::k11, flow));
        break;
      default:
        builder.add(testing::connection(5157, testing::Windows::k10, flow));
        break;
    }
  }
  const testing::ByteVector bytes = builder.bytes();
  const Reading expected = read_bytes(bytes, [] {
    ReadOptions options = all_actions();
    options.threads = 1;
    return options;
  }());
  EXPECT_GT(expected.events.size(), 4000U);
  for (const unsigned threads : {2U, 3U, 7U}) {
    ReadOptions options = all_actions();
    options.threads = threads;
    const Reading reading = read_bytes(bytes, options);
    EXPECT_EQ(reading.events, expected.events);
    EXPECT_EQ(reading.report.records, builder.record_offsets().size());
    EXPECT_EQ(reading.report.bytes, bytes.size());
    EXPECT_EQ(reading.report.total_bytes, bytes.size());
    for (const EventList& batch : reading.batches) EXPECT_LE(batch.events.size(), kMaxBatchEvents);
  }
}

TEST(EvtxRoundTrip, RandomFieldListsComeBackAsWritten) {
  for (unsigned seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    EvtxBuilder builder;
    std::vector<std::vector<std::pair<std::string, std::string>>> written;
    for (unsigned r = 0; r < 30; ++r) {
      testing::RecordSpec record;
      record.event_id = 5152;
      record.form = kForms[random() % 3];
      auto& fields = written.emplace_back();
      for (auto f = random() % 12; f > 0; --f) {
        const std::string name = "F" + std::to_string(random() % 20);
        if (random() % 2 == 0) {
          std::string text(random() % 90, 'x');
          for (char& c : text) c = static_cast<char>('!' + random() % 90);
          record.data.push_back(testing::text_field(name, text));
          fields.emplace_back(name, text);
        } else {
          const std::uint64_t number = random() * std::uint64_t{random()};
          record.data.push_back(testing::uint64_field(name, number));
          fields.emplace_back(name, std::to_string(number));
        }
      }
      builder.add(record);
    }
    for (const DecodePath path : {DecodePath::kPlans, DecodePath::kGeneral}) {
      const Reading reading = read_bytes(builder.bytes(), all_actions(), path);
      ASSERT_EQ(reading.report.damaged, 0U) << reading.damage();
      std::vector<std::vector<std::pair<std::string, std::string>>> found;
      for (const EventList& batch : reading.batches) {
        for (const Event& event : batch.events) {
          auto& fields = found.emplace_back();
          for (const RawField& field : event.raw) fields.emplace_back(field.name, field.value);
        }
      }
      ASSERT_EQ(found, written);
    }
  }
}

}  // namespace
}  // namespace blockwatch::evtx
