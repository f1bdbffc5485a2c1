#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <mutex>

#include "server/service_host.h"
#include "server/service_life.h"
#include "server/service_manager.h"
#include "server/service_plan.h"
#include "tests/support/eventually.h"
#include "tests/support/temp_dir.h"

namespace blockwatch {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// --- what is installed

std::string absolute(const std::string& name) {
  return (std::filesystem::temp_directory_path() / name).string();
}

Result<ServicePlan> plan_of(std::vector<std::string> options) {
  options.insert(options.begin(), {"service", "install"});
  const auto parsed = parse_command_line(options);
  const auto* command = std::get_if<CommandConfig>(&parsed);
  const auto* config = command == nullptr ? nullptr : std::get_if<ServiceConfig>(command);
  if (config == nullptr) return make_error(ErrorCode::kInternal, "not a service command");
  return plan_service(absolute("Program Files/blockwatchd.exe"), *config);
}

// A command line taken apart by the rules of Microsoft's C runtime: 2n backslashes and a quote are
// n backslashes and the quote's end or begin, 2n+1 are n backslashes and a quote as such.
std::vector<std::string> split_as_windows_does(const std::string& line) {
  std::vector<std::string> words;
  std::string word;
  bool in_word = false;
  bool in_quotes = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == ' ' && !in_quotes) {
      if (in_word) words.push_back(word);
      word.clear();
      in_word = false;
      continue;
    }
    in_word = true;
    std::size_t backslashes = 0;
    while (i < line.size() && line[i] == '\\') ++backslashes, ++i;
    const bool quote = i < line.size() && line[i] == '"';
    word.append(quote ? backslashes / 2 : backslashes, '\\');
    if (!quote) {
      --i;  // looked at again
      if (backslashes == 0) word += line[++i];
    } else if (backslashes % 2 == 1) {
      word += '"';
    } else {
      in_quotes = !in_quotes;
    }
  }
  if (in_word) words.push_back(word);
  return words;
}

TEST(ServicePlanTest, KeepsTheOptionsOfServe) {
  const std::string db = absolute("a folder/b.db");
  const auto plan = plan_of({"--db", db, "--listen", "127.0.0.1:0", "--source", "none"});
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_THAT(split_as_windows_does(plan->command_line),
              ElementsAre(absolute("Program Files/blockwatchd.exe"), "service", "run", "--db", db,
                          "--listen", "127.0.0.1:0", "--source", "none"));
  EXPECT_THAT(plan->privileges, testing::Contains("SeSecurityPrivilege"));
  EXPECT_FALSE(plan->restart_after.empty());
}

TEST(ServicePlanTest, OptionsThatLookLikeTheCommandAreKept) {
  const auto plan = plan_of({"--allow-host", "service", "--allow-host", "install"});
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_THAT(split_as_windows_does(plan->command_line),
              ElementsAre(testing::_, "service", "run", "--allow-host", "service", "--allow-host",
                          "install"));
}

TEST(ServicePlanTest, QuotedArgumentsComeApartAsTheyWere) {
  for (const std::string text : {"", "plain", "two words", "a\"b", "\\", "end\\", "end\\\\",
                                 "a\\\"b", "a\\\\\"", "\\\\server\\x y\\"}) {
    EXPECT_THAT(split_as_windows_does("first " + quote_argument(text) + " last"),
                ElementsAre("first", text, "last"));
  }
}

TEST(ServicePlanTest, RefusesWhatMeansSomethingElseInAService) {
  const std::vector<std::vector<std::string>> unfit{{"--db", "b.db"},
                                                    {"--token-file", "t.json"},
                                                    {"--audit-policy", "p.csv"},
                                                    {"--source", "dir:feed"},
                                                    {"--source", "none", "--source", "evtx:a.evtx"},
                                                    {"--source", "stdin:xml"}};
  for (const auto& options : unfit) {
    const auto plan = plan_of(options);
    ASSERT_FALSE(plan);
    EXPECT_EQ(plan.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(plan.error().message, HasSubstr(options.front()));
  }
  ServeConfig config;
  config.config_path = "blockwatch.json";
  EXPECT_FALSE(check_service_options(config));
  config.config_path = absolute("blockwatch.json");
  EXPECT_TRUE(check_service_options(config));
}

// --- what is asked of the service manager

class FakeManager final : public ServiceManager {
 public:
  std::uint32_t create(const ServicePlan& plan) override {
    if (create_error == 0) installed = plan.command_line;
    return create_error;
  }
  std::uint32_t find() override { return installed.empty() ? 1060 : 0; }
  std::uint32_t set(ServiceSetting setting, const ServicePlan&) override {
    if (setting == unset) return set_error;
    settings.push_back(setting);
    return 0;
  }
  std::uint32_t query(ServiceState& state) override {
    if (starting > 0 && --starting == 0) now = ServiceState::kRunning;
    if (stopping > 0 && --stopping == 0) now = ServiceState::kStopped;
    state = now;
    return 0;
  }
  std::uint32_t stop() override {
    ++stops;
    if (now == ServiceState::kStartPending) return 1061;
    now = ServiceState::kStopPending;
    return 0;
  }
  std::uint32_t remove() override {
    installed.clear();
    return 0;
  }
  std::string text_of(std::uint32_t error) const override {
    return "error " + std::to_string(error);
  }
  std::string program() const override { return "C:\\b.exe"; }
  bool is_protected(const std::string& path) const override { return path != open_to_others; }
  bool stays(const std::string& folder) const override { return folder != open_to_others; }

  std::string installed;
  std::string open_to_others;
  std::vector<ServiceSetting> settings;
  std::uint32_t create_error = 0;
  std::optional<ServiceSetting> unset;
  std::uint32_t set_error = 0;
  ServiceState now = ServiceState::kStopped;
  int starting = 0;  // how many queries until it runs
  int stopping = 0;  // how many queries until it has stopped; 0: never
  int stops = 0;
};

const ServicePlan kPlan{.command_line = "b.exe service run"};

TEST(ServiceManagerTest, InstallsWithEverySetting) {
  FakeManager manager;
  const auto missing = install_service(manager, kPlan);
  ASSERT_TRUE(missing) << missing.error().message;
  EXPECT_TRUE(missing->empty());
  EXPECT_EQ(manager.installed, kPlan.command_line);
  EXPECT_EQ(manager.settings.size(), 5U);
}

TEST(ServiceManagerTest, DoesWithoutWhatTheSystemDoesNotKnow) {
  FakeManager manager;
  manager.unset = ServiceSetting::kPrivileges;
  manager.set_error = 124;
  const auto missing = install_service(manager, kPlan);
  ASSERT_TRUE(missing);
  EXPECT_THAT(*missing, ElementsAre("fewer privileges"));
  EXPECT_EQ(manager.settings.size(), 4U);
  EXPECT_FALSE(manager.installed.empty());
}

TEST(ServiceManagerTest, LeavesNothingAfterAFailure) {
  FakeManager manager;
  manager.unset = ServiceSetting::kRestart;
  manager.set_error = 5;
  const auto missing = install_service(manager, kPlan);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::kPermission);
  EXPECT_TRUE(manager.installed.empty());
}

TEST(ServiceManagerTest, ReliesOnNothingThatOthersCanChange) {
  const TempDir dir;
  const std::string config = dir.write("blockwatch.json", "{}");
  const auto plan = plan_of({"--config", config, "--db", absolute("b/inner/x.db"), "--token-file",
                             absolute("c/t.json"), "--audit-policy", absolute("d/p.csv")});
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_THAT(plan->files_and_folders,
              testing::IsSupersetOf({config, dir.path(), absolute("b/inner"), absolute("c"),
                                     absolute("d"), absolute("Program Files")}));
  const std::filesystem::path folder = dir.path();
  EXPECT_THAT(plan->folders_above,
              testing::IsSupersetOf(
                  {absolute("b"), folder.parent_path().string(), folder.root_path().string()}));
  std::vector<std::string> relied_on = plan->files_and_folders;
  relied_on.insert(relied_on.end(), plan->folders_above.begin(), plan->folders_above.end());
  for (const std::string& path : relied_on) {
    FakeManager manager;
    manager.open_to_others = path;
    const auto missing = install_service(manager, *plan);
    ASSERT_FALSE(missing) << path;
    EXPECT_EQ(missing.error().code, ErrorCode::kPermission);
    EXPECT_THAT(missing.error().message, testing::StartsWith(path + ":"));
    EXPECT_TRUE(manager.installed.empty());
  }
}

TEST(ServiceManagerTest, NamesWhyItCannotBeInstalled) {
  const std::vector<std::pair<std::uint32_t, ErrorCode>> cases{{5, ErrorCode::kPermission},
                                                               {1073, ErrorCode::kConflict},
                                                               {1072, ErrorCode::kConflict},
                                                               {1115, ErrorCode::kIo}};
  for (const auto& [number, code] : cases) {
    FakeManager manager;
    manager.create_error = number;
    const auto missing = install_service(manager, kPlan);
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().code, code) << number;
    EXPECT_TRUE(manager.settings.empty());
  }
}

TEST(ServiceManagerTest, StopsWhatRunsBeforeItIsRemoved) {
  FakeManager manager;
  manager.installed = "b.exe";
  manager.now = ServiceState::kRunning;
  manager.stopping = 3;
  ASSERT_TRUE(uninstall_service(manager));
  EXPECT_EQ(manager.stops, 1);
  EXPECT_TRUE(manager.installed.empty());
}

TEST(ServiceManagerTest, WaitsForAStartToEnd) {
  FakeManager manager;
  manager.installed = "b.exe";
  manager.now = ServiceState::kStartPending;
  manager.starting = 3;
  manager.stopping = 6;
  ASSERT_TRUE(uninstall_service(manager));
  EXPECT_GE(manager.stops, 2);
  EXPECT_TRUE(manager.installed.empty());
}

TEST(ServiceManagerTest, KeepsWhatDoesNotStop) {
  FakeManager manager;
  manager.installed = "b.exe";
  manager.now = ServiceState::kRunning;
  const auto done = uninstall_service(manager, std::chrono::milliseconds(100));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ErrorCode::kUnavailable);
  EXPECT_FALSE(manager.installed.empty());
}

TEST(ServiceManagerTest, NothingToRemove) {
  FakeManager manager;
  const auto done = uninstall_service(manager);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ErrorCode::kNotFound);
}

#ifndef _WIN32
TEST(ServiceManagerTest, OtherSystemsSayWhatToDoInstead) {
  const auto manager = open_service_manager();
  ASSERT_FALSE(manager);
  EXPECT_EQ(manager.error().code, ErrorCode::kInvalidArgument);
  const auto run = run_under_service_manager([](ServiceLife&) -> Result<int> { return 0; });
  ASSERT_FALSE(run);
  EXPECT_THAT(run.error().message, HasSubstr("blockwatchd serve"));
}
#endif

// --- what the service manager is told

class Reports {
 public:
  ServiceLife::ReportFn sink() {
    return [this](const ServiceReport& report) {
      std::lock_guard lock(mutex_);
      all_.push_back(report);
    };
  }
  std::vector<ServiceReport> all() const {
    std::lock_guard lock(mutex_);
    return all_;
  }
  ServiceReport last() const { return all().back(); }
  // Each state once, in order.
  std::vector<ServiceState> states() const {
    std::vector<ServiceState> states;
    for (const ServiceReport& report : all()) {
      if (states.empty() || states.back() != report.state) states.push_back(report.state);
    }
    return states;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<ServiceReport> all_;
};

constexpr std::chrono::milliseconds kQuick{1};
constexpr std::chrono::hours kNever{1};

TEST(ServiceLifeTest, StartsRunsStops) {
  Reports reports;
  ServiceLife life(reports.sink(), kNever);
  EXPECT_FALSE(reports.last().accepts_stop);
  life.started();
  EXPECT_TRUE(reports.last().accepts_stop);
  std::jthread manager([&] { life.request_stop(); });
  life.wait_for_stop();
  EXPECT_FALSE(reports.last().accepts_stop);
  life.ended(0);
  EXPECT_THAT(reports.states(), ElementsAre(ServiceState::kStartPending, ServiceState::kRunning,
                                            ServiceState::kStopPending, ServiceState::kStopped));
  EXPECT_EQ(reports.last().exit_code, 0);
}

TEST(ServiceLifeTest, TellsThatAStartOrStopGoesOn) {
  Reports reports;
  ServiceLife life(reports.sink(), kQuick);
  const auto at_check_point = [&](ServiceState state) {
    return reports.last().state == state && reports.last().check_point >= 3;
  };
  EXPECT_TRUE(eventually([&] { return at_check_point(ServiceState::kStartPending); }));
  life.started();
  const auto running = reports.last();
  EXPECT_EQ(running.check_point, 0U);
  EXPECT_EQ(running.wait_hint.count(), 0);
  life.request_stop();
  EXPECT_TRUE(eventually([&] { return at_check_point(ServiceState::kStopPending); }));
  EXPECT_GT(reports.last().wait_hint, kQuick);
  life.ended(0);
  // Check points rise within a state.
  const auto all = reports.all();
  for (std::size_t i = 1; i < all.size(); ++i) {
    if (all[i].state == all[i - 1].state) {
      EXPECT_EQ(all[i].check_point, all[i - 1].check_point + 1);
    }
  }
}

TEST(ServiceLifeTest, AFailedStartCarriesItsExitCode) {
  Reports reports;
  ServiceLife life(reports.sink(), kNever);
  life.ended(1);
  EXPECT_THAT(reports.states(), ElementsAre(ServiceState::kStartPending, ServiceState::kStopped));
  EXPECT_EQ(reports.last().exit_code, 1);
}

TEST(ServiceLifeTest, AStopDuringTheStartIsNotForgotten) {
  Reports reports;
  ServiceLife life(reports.sink(), kNever);
  life.request_stop();
  life.started();
  life.wait_for_stop();
  life.request_stop();
  EXPECT_THAT(reports.states(),
              ElementsAre(ServiceState::kStartPending, ServiceState::kStopPending));
}

TEST(ServiceLifeTest, NothingIsToldAfterTheEnd) {
  Reports reports;
  ServiceLife life(reports.sink(), kQuick);
  life.started();
  life.ended(0);
  life.request_stop();
  life.started();
  EXPECT_EQ(reports.last().state, ServiceState::kStopped);
}

}  // namespace
}  // namespace blockwatch
