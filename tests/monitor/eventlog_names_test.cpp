// Names on their way through the live source: from 5447 in the log, and from who resolves them.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/monitor/eventlog_reader.h"

namespace blockwatch {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kAuditing = "Microsoft-Windows-Security-Auditing";

std::string data(const std::string& name) { return "Event/EventData/Data[@Name='" + name + "']"; }

std::map<std::string, std::string> block(const std::string& filter_id) {
  return {{data("Application"), R"(\device\harddiskvolume3\a.exe)"},
          {data("FilterRTID"), filter_id}};
}

std::map<std::string, std::string> filter(const std::string& change, const std::string& name) {
  return {{data("ChangeType"), change}, {data("FilterName"), name}, {data("FilterId"), "70001"}};
}

// Names what the log did not.
class Resolver final : public NameResolver {
 public:
  explicit Resolver(std::vector<std::uint64_t>& changed) : changed_(changed) {}
  void resolve(Event& event, TextArena& text) override {
    if (event.filter_name.empty()) event.filter_name = text.copy("of the system");
  }
  void filter_changed(std::uint64_t filter_id) override { changed_.push_back(filter_id); }
  std::string fault() const override { return changed_.empty() ? "" : "a name is missing"; }

 private:
  std::vector<std::uint64_t>& changed_;
};

TEST(EventLogNames, ComeFromTheLogAndThenFromTheSystem) {
  FakeEventLog log;
  log.add(kAuditing, 5157, block("70001"));
  log.add(kAuditing, 5447, filter("%%16384", "Query User"));
  log.add(kAuditing, 5157, block("70001"));
  log.add(kAuditing, 5157, block("70002"));
  log.add(kAuditing, 4608, {});
  log.add(kAuditing, 5157, block("70001"));

  std::vector<std::uint64_t> changed;
  const auto source =
      make_eventlog_source(log.api(), EventLogReader::quick(), std::make_unique<Resolver>(changed));
  std::stop_source stop;
  log.idle = [&stop] { stop.request_stop(); };
  std::vector<std::string> names;
  std::vector<Reason> reasons;
  SourceReport report;
  const auto emit = [&](EventBatch&& batch) {
    for (const Event& event : batch.list.events) {
      names.emplace_back(event.filter_name);
      reasons.push_back(event.reason);
    }
    return true;
  };
  const auto nowhere = [](const std::string&) -> Result<std::string> { return std::string(); };
  ASSERT_TRUE(source->run(nowhere, emit, report, stop.get_token()));
  EXPECT_THAT(names, ElementsAre("of the system", "Query User", "of the system", "of the system"));
  EXPECT_EQ(reasons[1], Reason::kQueryUser);
  EXPECT_THAT(changed, ElementsAre(70001U));
  EXPECT_THAT(report.snapshot().last_error, HasSubstr("a name is missing"));
}

}  // namespace
}  // namespace blockwatch
