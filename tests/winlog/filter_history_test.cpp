// What a log tells about filters, and the events that are named by it.

#include "monitor/winlog/filter_history.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "monitor/winlog/explain.h"
#include "monitor/winlog/host_knowledge.h"
#include "monitor/winlog/note.h"
#include "storage/words.h"
#include "tests/winlog/build_record.h"

namespace blockwatch::winlog {
namespace {

using Kind = FilterChange::Kind;

constexpr std::string_view kFirewall = "{DECC16CA-3F33-4346-BE1E-8FB4AE0F3D62}";

FilterChange change(Kind kind, std::int64_t time, std::uint64_t id = 0,
                    std::string_view name = "") {
  return {kind, {time}, id, std::nullopt, name, {}, {}};
}

Event blocked(std::int64_t time, std::uint64_t filter_id) {
  Event event;
  event.event_id = 5157;
  event.time = {time};
  event.record_id = 1;
  event.filter_id = filter_id;
  event.host = "HOST1";
  return event;
}

std::string name_at(const FilterHistory& history, std::uint64_t id, std::int64_t time) {
  const Filter* filter = history.find(blocked(time, id));
  return filter == nullptr ? "" : filter->name;
}

TEST(FilterChange, IsReadFromTheRecordsOfAnEnglishWindows) {
  const std::vector<RawField> data{{"ProcessId", "284"},
                                   {"ProviderKey", kFirewall},
                                   {"ProviderName", "Microsoft Corporation"},
                                   {"ChangeType", "%%16384"},
                                   {"FilterKey", "{91334E6D-FFAB-40F1-8C43-5554965C228D}"},
                                   {"FilterName", "Port Scanning Prevention Filter"},
                                   {"FilterId", "100100"},
                                   {"LayerName", "Inbound Transport v4 Discard Layer"},
                                   {"LayerId", "13"}};
  const auto added = filter_change(5447, {77}, data);
  ASSERT_TRUE(added);
  EXPECT_EQ(added->kind, Kind::kThere);
  EXPECT_EQ(added->time, Timestamp{77});
  EXPECT_EQ(added->filter_id, 100100U);
  EXPECT_EQ(added->layer_id, 13U);
  EXPECT_EQ(added->name, "Port Scanning Prevention Filter");
  EXPECT_EQ(added->provider_key, kFirewall);
  EXPECT_EQ(added->provider, "Microsoft Corporation");

  auto deleted = data;
  deleted[3].value = "%%16385";
  EXPECT_EQ(filter_change(5447, {77}, deleted)->kind, Kind::kGone);
  EXPECT_EQ(filter_change(4608, {77}, {})->kind, Kind::kStart);
  for (const char* id : {"", "0", "x", "12x", "-1", "99999999999999999999"}) {
    auto wrong = data;
    wrong[6].value = id;
    EXPECT_FALSE(filter_change(5441, {77}, wrong)) << id;
  }
  const std::vector<RawField> without{{"FilterId", "5"},
                                      {"ProviderKey", "{00000000-0000-0000-0000-000000000000}"},
                                      {"ProviderName", "-"}};
  EXPECT_EQ(filter_change(5441, {1}, without)->provider_key, "");
  EXPECT_EQ(filter_change(5441, {1}, without)->provider, "");
}

TEST(FilterHistory, NamesAFilterFromItsRecordToItsEnd) {
  FilterHistory history;
  history.add(change(Kind::kThere, 100, 7, "first"));
  history.add(change(Kind::kGone, 200, 7, "first"));
  history.add(change(Kind::kThere, 300, 7, "second"));
  EXPECT_EQ(name_at(history, 7, 99), "");
  EXPECT_EQ(name_at(history, 7, 100), "first");
  EXPECT_EQ(name_at(history, 7, 199), "first");
  EXPECT_EQ(name_at(history, 7, 200), "");
  EXPECT_EQ(name_at(history, 7, 300), "second");
  EXPECT_EQ(name_at(history, 6, 300), "");
  EXPECT_EQ(name_at(history, 8, 300), "");
}

TEST(FilterHistory, ForgetsEveryIdWhenWindowsStarts) {
  FilterHistory history;
  history.add(change(Kind::kThere, 100, 7, "before"));
  history.add(change(Kind::kStart, 200));
  history.add(change(Kind::kThere, 200, 8, "at once"));
  EXPECT_EQ(name_at(history, 7, 199), "before");
  EXPECT_EQ(name_at(history, 7, 200), "");
  EXPECT_EQ(name_at(history, 8, 200), "at once");
  history.add(change(Kind::kThere, 150, 9, "of an older chunk"));
  EXPECT_EQ(name_at(history, 9, 199), "of an older chunk");
  EXPECT_EQ(name_at(history, 9, 201), "");
}

TEST(FilterHistory, AnotherLayerIsAnotherFilter) {
  FilterHistory history;
  auto there = change(Kind::kThere, 100, 7, "of layer 44");
  there.layer_id = 44;
  history.add(there);
  Event event = blocked(150, 7);
  EXPECT_NE(history.find(event), nullptr);
  event.layer_id = 44;
  EXPECT_NE(history.find(event), nullptr);
  event.layer_id = 48;
  EXPECT_EQ(history.find(event), nullptr);
}

TEST(FilterHistory, KeepsNoEndlessName) {
  FilterHistory history;
  const std::string longest(FilterHistory::kMaxNameBytes, 'n');
  history.add(change(Kind::kThere, 100, 7, longest));
  history.add(change(Kind::kThere, 100, 8, longest + "n"));
  EXPECT_EQ(name_at(history, 7, 100), longest);
  EXPECT_EQ(name_at(history, 8, 100), "");
}

// Whatever the order in which changes are read, the answer is that of reading them by time.
TEST(FilterHistory, DoesNotDependOnTheOrderOfReading) {
  std::mt19937 random(20'261'121);
  const auto below = [&random](unsigned n) { return static_cast<unsigned>(random() % n); };
  for (int round = 0; round < 200; ++round) {
    std::vector<std::string> names(60);
    std::vector<FilterChange> changes;
    for (unsigned time = 0; time < 60; ++time) {  // one a tick, so that the order is certain
      names[time] = "filter " + std::to_string(time);
      const unsigned die = below(10);
      const Kind kind = die == 0 ? Kind::kStart : die < 7 ? Kind::kThere : Kind::kGone;
      changes.push_back(change(kind, time, below(4) + 1, names[time]));
    }
    FilterHistory history;
    auto shuffled = changes;
    std::shuffle(shuffled.begin(), shuffled.end(), random);
    for (const FilterChange& c : shuffled) history.add(c);
    for (std::uint64_t id = 1; id <= 4; ++id) {
      std::string expected;
      for (std::size_t time = 0; time < changes.size(); ++time) {
        const FilterChange& c = changes[time];
        if (c.kind == Kind::kStart) {
          expected.clear();
        } else if (c.filter_id == id) {
          expected = c.kind == Kind::kThere ? c.name : "";
        }
        ASSERT_EQ(name_at(history, id, static_cast<std::int64_t>(time)), expected)
            << "round " << round << " filter " << id << " time " << time;
      }
    }
  }
}

std::string named(HostKnowledge& hosts, Event event) {
  TextArena text;
  hosts.settle(event, text);
  return std::string(event.filter_name);
}

TEST(HostKnowledgeOfFilters, NamesEventsOfTheHostThatHasTheFilter) {
  HostKnowledge hosts;
  hosts.observe("HOST1", change(Kind::kThere, 100, 7, "one"));
  EXPECT_EQ(named(hosts, blocked(100, 7)), "one");
  Event other = blocked(100, 7);
  other.host = "HOST2";
  EXPECT_EQ(named(hosts, other), "");
  other.host = "HOST1";
  other.filter_name = "as recorded";
  EXPECT_EQ(named(hosts, other), "as recorded");
}

TEST(HostKnowledgeOfFilters, LeavesAloneWhatIsRecognisedByItsContent) {
  HostKnowledge hosts;
  hosts.observe("HOST1", change(Kind::kThere, 100, 7, "one"));
  Event event = blocked(100, 7);
  event.record_id.reset();
  EXPECT_EQ(named(hosts, event), "");
}

TEST(HostKnowledgeOfFilters, IsBounded) {
  HostKnowledge hosts;
  hosts.observe("HOST1", change(Kind::kThere, 1, 1, "early"));
  constexpr std::int64_t kMany = 70'000;
  for (std::int64_t i = 2; i < kMany; ++i) {
    hosts.observe("HOST" + std::to_string(i % 2 + 1), change(Kind::kThere, i, 7, "late"));
  }
  EXPECT_EQ(named(hosts, blocked(kMany, 1)), "");
  EXPECT_EQ(named(hosts, blocked(kMany, 7)), "late");
}

struct Expected {
  std::string name;
  std::string provider_key;
  std::string provider;
  Reason reason;
  std::string confidence;
};

TEST(FilterReason, ComesFromTheFiltersNameOrItsProvider) {
  const std::string firewall(kFirewall);
  const std::string stranger = "{12345678-3f33-4346-be1e-8fb4ae0f3d62}";
  const Expected cases[] = {
      {"Port Scanning Prevention Filter", firewall, "", Reason::kNoListener, "medium"},
      {"query user", "", "", Reason::kQueryUser, "medium"},
      {"Boot Time Filter", firewall, "", Reason::kBootTime, "medium"},
      {"Block Inbound Default Rule", firewall, "", Reason::kDefaultInbound, "medium"},
      {"Block Outbound Default Rule", firewall, "", Reason::kDefaultOutbound, "medium"},
      {"WSH Default Inbound Block", firewall, "", Reason::kServiceHardening, "medium"},
      {"WSH Default Outbound Block", firewall, "", Reason::kServiceHardening, "medium"},
      {"My rule", firewall, "", Reason::kUnknown, "low"},
      {"My rule", stranger, "Microsoft Corporation", Reason::kUnknown, "low"},
      {"My rule", "", "Acme", Reason::kUnknown, "low"},
      {"My rule", stranger, "Acme", Reason::kThirdParty, "high"},
      {"Query User", stranger, "", Reason::kThirdParty, "high"},
  };
  for (const Expected& c : cases) {
    Built built = build(system_of(5157, 1), connection("203.0.113.9", "50000", "192.0.2.10", "22"));
    set_filter(*built.event, {c.name, c.provider_key, c.provider, {}}, built.text);
    EXPECT_EQ(built.event->filter_name, c.name);
    EXPECT_EQ(to_word(built.event->reason), to_word(c.reason)) << c.name << c.provider;
    const Explanation explanation = explain(*built.event);
    EXPECT_EQ(explanation.reason, built.event->reason) << c.name;
    EXPECT_EQ(explanation.confidence, c.confidence) << c.name;
  }
}

TEST(FilterReason, FilterOriginGoesBeforeTheName) {
  Fields fields = connection("203.0.113.9", "50000", "192.0.2.10", "22");
  fields.push_back({"FilterOrigin", "Stealth"});
  Built built = build(system_of(5152, 1), fields);
  set_filter(*built.event, {"Query User", {}, {}, {}}, built.text);
  EXPECT_EQ(built.event->reason, Reason::kNoListener);
}

TEST(FilterReason, APermitHasNone) {
  Built built = build(system_of(5156, 1), connection("203.0.113.9", "50000", "192.0.2.10", "22"));
  set_filter(*built.event, {"Query User", {}, {}, {}}, built.text);
  EXPECT_EQ(built.event->filter_name, "Query User");
  EXPECT_EQ(built.event->reason, Reason::kUnknown);
}

TEST(FilterReason, IsExplainedWithTheProviderAndTheService) {
  Built built = build(system_of(5157, 1), connection("203.0.113.9", "50000", "192.0.2.10", "22"));
  const std::size_t recorded = built.event->raw.size();
  set_filter(*built.event, {"Quiet", "{12345678-3f33-4346-be1e-8fb4ae0f3d62}", "Acme", {}},
             built.text);
  add_note(*built.event, kServiceNote, "Dnscache", built.text);
  const Explanation explanation = explain(*built.event);
  EXPECT_THAT(explanation.summary, testing::HasSubstr("System (process 4, running Dnscache)"));
  EXPECT_THAT(explanation.summary, testing::HasSubstr("by filter 70000 \"Quiet\""));
  EXPECT_THAT(explanation.summary, testing::HasSubstr("under the name \"Acme\"."));
  EXPECT_THAT(explanation.evidence,
              testing::IsSupersetOf(
                  {"filter_name = Quiet", "filter_provider = Acme", "service = Dnscache"}));
  ASSERT_EQ(built.event->raw.size(), recorded + 2);
  EXPECT_EQ(built.event->raw[0].name, "ProcessID");  // what was recorded stays in front
}

}  // namespace
}  // namespace blockwatch::winlog
