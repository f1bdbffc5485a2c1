#include "monitor/eventlog_record.h"

#include <gtest/gtest.h>

#include "monitor/eventlog_position.h"
#include "monitor/eventlog_query.h"
#include "tests/monitor/fake_eventlog.h"

namespace blockwatch {
namespace {

// The number of terms in each <Query>.
std::vector<std::size_t> terms_of(const std::string& query) {
  std::vector<std::size_t> all;
  for (std::size_t at = query.find("<Query "); at != std::string::npos;
       at = query.find("<Query ", at + 1)) {
    const std::string part = query.substr(at, query.find("</Query>", at) - at);
    all.push_back(1);  // the provider
    for (std::size_t id = part.find("EventID="); id != std::string::npos;
         id = part.find("EventID=", id + 1)) {
      ++all.back();
    }
  }
  return all;
}

TEST(EventLogQuery, AsksForTheActionsAndTheirCompanionsOnly) {
  const std::string blocks = eventlog_query(ActionSet{0b001});
  for (const char* id : {"5031", "5155", "5157", "5159", "4719", "5441", "5447", "4608", "1100",
                         "1102", "1104", "1105"}) {
    EXPECT_NE(blocks.find(std::string("EventID=") + id), std::string::npos) << id;
  }
  for (const char* id : {"5150", "5152", "5156", "4624"}) {
    EXPECT_EQ(blocks.find(std::string("EventID=") + id), std::string::npos) << id;
  }
  EXPECT_NE(eventlog_query(kBlocksAndDrops).find("EventID=5152"), std::string::npos);
  EXPECT_NE(eventlog_query(kAllActions).find("EventID=5156"), std::string::npos);
}

TEST(EventLogQuery, NoPartHasMoreTermsThanWindowsTakes) {
  const auto terms = terms_of(eventlog_query(kAllActions));
  ASSERT_EQ(terms.size(), 2U);
  for (const std::size_t n : terms) {
    EXPECT_GT(n, 5U);
    EXPECT_LE(n, 20U);
  }
}

TEST(EventLogPosition, ComesBackFromItsText) {
  const EventLogPosition position{319457856, 319458000, Timestamp{16'000'000'000'000'000}, 42};
  EXPECT_EQ(parse_eventlog_position(to_text(position)), position);
  for (const char* wrong :
       {"", "1", "1 2 3 4", "2 1 2 3 4", "1 1 2 3 4 5", "1 x 2 3 4", "11 2 3 4"}) {
    EXPECT_FALSE(parse_eventlog_position(wrong)) << wrong;
  }
}

class EventLogRecordTest : public testing::Test {
 protected:
  // As the record stands in the log: read, and then what fields() says.
  const EventLogRecord& read(std::uint16_t event_id,
                             const std::map<std::string, std::string>& texts,
                             const std::string& provider = "Microsoft-Windows-Security-Auditing") {
    log_.add(provider, event_id, texts);
    return read_last();
  }
  const EventLogRecord& read_last() {
    values_.clear();
    for (const std::string_view path : eventlog_paths()) {
      const auto& all = log_.records().back().values;
      const auto it = all.find(path);
      if (it == all.end()) {
        values_.emplace_back();
      } else {
        const auto& [type, bytes] = it->second;
        values_.emplace_back(type, reinterpret_cast<const std::uint8_t*>(bytes.data()),
                             static_cast<std::uint32_t>(bytes.size()));
      }
    }
    EXPECT_EQ(record_.read(values_), std::nullopt);
    return record_;
  }

  FakeEventLog log_;
  EventLogRecord record_;
  std::vector<evtx::Value> values_;
};

TEST_F(EventLogRecordTest, NamesTheValuesAndKeepsTheirText) {
  log_.add_block();
  const auto& fields = read_last().fields();
  EXPECT_EQ(fields.event_id, 5157U);
  EXPECT_EQ(fields.version, 1);
  EXPECT_EQ(fields.host, "PC01.example.org");
  EXPECT_EQ(fields.channel, "Security");
  EXPECT_EQ(parse_rfc3339(fields.time).value(), log_.records().back().time);
  std::string data;
  for (const RawField& f : fields.data) {
    data += std::string(f.name) + '=' + std::string(f.value) + ';';
  }
  EXPECT_EQ(data,
            "ProcessID=4556;Application=\\device\\harddiskvolume2\\app.exe;Direction=%%14593;"
            "SourceAddress=192.168.1.20;SourcePort=50000;DestAddress=198.51.100.7;DestPort=443;"
            "Protocol=6;FilterRTID=70000;LayerName=%%14611;LayerRTID=48;RemoteUserID=S-1-0-0;");
  EXPECT_FALSE(record_.fact());
}

TEST_F(EventLogRecordTest, RefusesWhatHasNoIdNumberOrTime) {
  log_.add_block();
  read_last();
  for (const std::size_t i : {1U, 3U, 4U}) {
    const evtx::Value kept = std::exchange(values_[i], evtx::Value{});
    EXPECT_TRUE(record_.read(values_)) << eventlog_paths()[i];
    values_[i] = kept;
  }
  values_.pop_back();
  EXPECT_TRUE(record_.read(values_));
}

TEST_F(EventLogRecordTest, TellsWhatCompanionsMean) {
  const std::string eventlog = "Microsoft-Windows-Eventlog";
  const auto kind = [&](std::uint16_t id) { return read(id, {}, eventlog).fact().value().kind; };
  EXPECT_EQ(kind(1100), CoverageKind::kLoggingStopped);
  EXPECT_EQ(kind(1101), CoverageKind::kRecordsDropped);
  EXPECT_EQ(kind(1104), CoverageKind::kLogFull);
  EXPECT_EQ(kind(1106), CoverageKind::kRecordsDropped);
  EXPECT_EQ(kind(1107), CoverageKind::kRecordsDropped);
  EXPECT_EQ(kind(1108), CoverageKind::kRecordsDropped);
  EXPECT_FALSE(read(1105, {}, eventlog).fact());
  EXPECT_FALSE(read(1102, {}).fact()) << "another provider's 1102";

  const auto cleared = read(1102,
                            {{"Event/UserData/LogFileCleared/SubjectUserName", "kim"},
                             {"Event/UserData/LogFileCleared/SubjectDomainName", "EXAMPLE"}},
                            eventlog)
                           .fact()
                           .value();
  EXPECT_EQ(cleared.kind, CoverageKind::kLogCleared);
  EXPECT_EQ(cleared.detail, "the Security log was cleared by EXAMPLE\\kim");
  EXPECT_EQ(cleared.start, log_.records().back().time);
  EXPECT_EQ(cleared.end, cleared.start);
}

TEST_F(EventLogRecordTest, TellsChangesOfTheTwoSubcategoriesOnly) {
  const auto changed = [&](const std::string& guid) {
    return read(4719, {{"Event/EventData/Data[@Name='SubcategoryGuid']", guid},
                       {"Event/EventData/Data[@Name='AuditPolicyChanges']", "%%8448, %%8450"},
                       {"Event/EventData/Data[@Name='SubjectUserName']", "kim"}})
        .fact();
  };
  EXPECT_EQ(changed("{0CCE9226-69AE-11D9-BED3-505054503030}").value().detail,
            "Filtering Platform Connection: success removed, failure removed by kim");
  EXPECT_EQ(changed("{0cce9225-69ae-11d9-bed3-505054503030}").value().kind,
            CoverageKind::kAuditChanged);
  EXPECT_FALSE(changed("{0cce9211-69ae-11d9-bed3-505054503030}"));
}

}  // namespace
}  // namespace blockwatch
