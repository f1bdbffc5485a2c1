// Names of the running system, with a system that the tests make up.

#include "monitor/names/system_names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <vector>

#include "monitor/winlog/note.h"
#include "storage/words.h"

namespace blockwatch {
namespace {

using std::chrono::seconds;
using Clock = std::chrono::steady_clock;

using winlog::Filter;

constexpr Clock::time_point kStart{seconds{1000}};
constexpr seconds kTick{1};

// --- drives

struct Drives {
  std::vector<Volume> volumes;
  int reads = 0;
  DevicePaths paths{[this] {
    ++reads;
    return volumes;
  }};

  std::string map(std::string_view path, Clock::time_point now = kStart) {
    return paths.with_drive(path, now).value_or("(as recorded)");
  }
};

TEST(DevicePaths, PutsTheDriveInPlaceOfTheVolume) {
  Drives drives{
      .volumes = {{R"(\Device\HarddiskVolume3)", "C:"}, {R"(\Device\HarddiskVolume12)", "D:"}}};
  EXPECT_EQ(drives.map(R"(\device\harddiskvolume3\windows\system32\svchost.exe)"),
            R"(C:\windows\system32\svchost.exe)");
  EXPECT_EQ(drives.map(R"(\DEVICE\HarddiskVolume12\Tools\Curl.exe)"), R"(D:\Tools\Curl.exe)");
  EXPECT_EQ(drives.map(R"(\device\harddiskvolume3\)"), R"(C:\)");
  EXPECT_EQ(drives.map("\\device\\harddiskvolume3\\\xD0\x96.exe"), "C:\\\xD0\x96.exe");
}

TEST(DevicePaths, LeavesWhatHasNoDriveAsRecorded) {
  Drives drives{.volumes = {{R"(\Device\HarddiskVolume1)", "C:"},
                            {R"(\??\C:\folder)", "S:"},
                            {R"(\Device\)", "X:"},
                            {"", "Y:"}}};
  for (const char* path :
       {"", "System", "-", R"(C:\windows\notepad.exe)", R"(\device\harddiskvolume12\a.exe)",
        R"(\device\harddiskvolume1)", R"(\device\harddiskvolume)", R"(\device\mup\server\a.exe)",
        R"(\Device\)", R"(\??\C:\folder\a.exe)"}) {
    EXPECT_EQ(drives.map(path), "(as recorded)") << path;
  }
}

TEST(DevicePaths, TakesTheLongestDeviceAndTheFirstOfItsLetters) {
  Drives drives{.volumes = {{R"(\Device\Disk)", "C:"},
                            {R"(\Device\Disk\Mounted)", "F:"},
                            {R"(\Device\Disk\Mounted)", "E:"}}};
  EXPECT_EQ(drives.map(R"(\device\disk\mounted\a.exe)"), R"(E:\a.exe)");
  EXPECT_EQ(drives.map(R"(\device\disk\mountedx\a.exe)"), R"(C:\mountedx\a.exe)");
}

TEST(DevicePaths, LooksAgainForAnUnknownVolumeButNotForEach) {
  Drives drives{.volumes = {{R"(\Device\HarddiskVolume3)", "C:"}}};
  const std::string_view stick = R"(\device\harddiskvolume7\a.exe)";
  EXPECT_EQ(drives.map(stick), "(as recorded)");
  drives.volumes.push_back({R"(\Device\HarddiskVolume7)", "E:"});
  EXPECT_EQ(drives.map(stick, kStart + DevicePaths::kMinAge - kTick), "(as recorded)");
  EXPECT_EQ(drives.reads, 1);
  EXPECT_EQ(drives.map(stick, kStart + DevicePaths::kMinAge), R"(E:\a.exe)");
  EXPECT_EQ(drives.reads, 2);
}

TEST(DevicePaths, ReadsAnOldTableAgain) {
  Drives drives{.volumes = {{R"(\Device\HarddiskVolume3)", "C:"}}};
  const std::string_view path = R"(\device\harddiskvolume3\a.exe)";
  EXPECT_EQ(drives.map(path), R"(C:\a.exe)");
  drives.volumes[0].drive = "G:";
  EXPECT_EQ(drives.map(path, kStart + DevicePaths::kMaxAge - kTick), R"(C:\a.exe)");
  EXPECT_EQ(drives.map(path, kStart + DevicePaths::kMaxAge), R"(G:\a.exe)");
  EXPECT_EQ(drives.reads, 2);
}

// Whatever volumes there are: a path below one gets its letter, in any case, and nothing else does.
TEST(DevicePaths, MapsEveryPathOfEveryTable) {
  std::mt19937 random(20'261'121);
  const auto below = [&random](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  for (int round = 0; round < 300; ++round) {
    Drives drives;
    std::map<std::string, std::string> letters;  // volume number to drive
    for (char letter = 'C'; letter < 'C' + static_cast<char>(below(8)); ++letter) {
      const std::string number = std::to_string(below(130));
      if (!letters.emplace(number, std::string{letter, ':'}).second) continue;
      drives.volumes.push_back({"\\Device\\HarddiskVolume" + number, letters[number]});
    }
    for (int i = 0; i < 20; ++i) {
      const std::string number = std::to_string(below(130));
      std::string rest;
      for (std::size_t n = below(12); n > 0; --n) rest += "\\aB.\xC3\xBC 1"[below(8)];
      std::string path = "\\device\\harddiskvolume" + number;
      for (char& c : path) c = below(2) == 0 ? c : static_cast<char>(std::toupper(c));
      const auto known = letters.find(number);
      const bool mapped = known != letters.end();
      EXPECT_EQ(drives.map(path + "\\" + rest),
                mapped ? known->second + "\\" + rest : "(as recorded)");
    }
  }
}

// --- filters

struct Engine final : FilterEngine {
  std::map<std::uint64_t, Filter> filters;
  std::map<std::uint16_t, std::string> layers;
  std::uint32_t open_error = 0;
  std::uint32_t get_error = 0;
  int opened = 0;
  int asked = 0;

  Answer<void> open() override {
    ++opened;
    if (open_error != 0) return tl::make_unexpected(open_error);
    return {};
  }
  template <class Map, class Id>
  auto get(const Map& map, Id id, std::uint32_t missing) -> Answer<typename Map::mapped_type> {
    ++asked;
    if (get_error != 0) return tl::make_unexpected(get_error);
    const auto found = map.find(id);
    if (found == map.end()) return tl::make_unexpected(missing);
    return found->second;
  }
  Answer<Filter> filter(std::uint64_t id) override { return get(filters, id, kFilterNotFound); }
  Answer<std::string> layer(std::uint16_t id) override { return get(layers, id, kLayerNotFound); }
};

struct Filters {
  Engine* engine = new Engine;
  FilterNames names{std::unique_ptr<FilterEngine>(engine)};

  std::string name(std::uint64_t id, Clock::time_point now = kStart) {
    const Filter* filter = names.filter(id, now);
    return filter == nullptr ? "(none)" : filter->name;
  }
};

TEST(FilterNames, AsksOnceForEachFilter) {
  Filters f;
  f.engine->filters[7] = {.name = "Seven"};
  EXPECT_EQ(f.engine->opened, 0);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(f.name(7), "Seven");
  EXPECT_EQ(f.engine->opened, 1);
  EXPECT_EQ(f.engine->asked, 1);
  f.engine->filters[7].name = "Other";
  EXPECT_EQ(f.name(7, kStart + FilterNames::kFoundFor - kTick), "Seven");
  EXPECT_EQ(f.name(7, kStart + FilterNames::kFoundFor), "Other");
}

TEST(FilterNames, RemembersForAShortTimeThatThereIsNone) {
  Filters f;
  EXPECT_EQ(f.name(7), "(none)");
  f.engine->filters[7] = {.name = "Seven"};
  EXPECT_EQ(f.name(7, kStart + FilterNames::kMissingFor - kTick), "(none)");
  EXPECT_EQ(f.engine->asked, 1);
  EXPECT_EQ(f.name(7, kStart + FilterNames::kMissingFor), "Seven");
  EXPECT_EQ(f.names.fault(), "");
}

TEST(FilterNames, AChangeInTheLogMakesItAskAgain) {
  Filters f;
  f.engine->filters[7] = {.name = "Seven"};
  f.engine->filters[8] = {.name = "Eight"};
  EXPECT_EQ(f.name(7) + f.name(8), "SevenEight");
  f.engine->filters.clear();
  f.names.forget(7);
  f.names.forget(0);
  EXPECT_EQ(f.name(7) + f.name(8), "(none)Eight");
}

TEST(FilterNames, RestsAfterAnErrorAndOpensAnew) {
  Filters f;
  f.engine->filters[7] = {.name = "Seven"};
  f.engine->open_error = 5;
  EXPECT_EQ(f.name(7), "(none)");
  EXPECT_EQ(f.name(8, kStart + FilterNames::kRestAfterError - kTick), "(none)");
  EXPECT_EQ(f.engine->opened, 1);
  EXPECT_THAT(f.names.fault(), testing::HasSubstr("0x00000005"));
  f.engine->open_error = 0;
  EXPECT_EQ(f.name(7, kStart + FilterNames::kRestAfterError), "Seven");
  EXPECT_EQ(f.names.fault(), "");
  EXPECT_EQ(f.engine->opened, 2);
}

TEST(FilterNames, ALostSessionForgetsWhatItGave) {
  Filters f;
  f.engine->filters[7] = {.name = "Seven"};
  EXPECT_EQ(f.name(7), "Seven");
  f.engine->get_error = 1722;  // the engine's service was restarted: ids are given anew
  EXPECT_EQ(f.name(8), "(none)");
  EXPECT_THAT(f.names.fault(), testing::HasSubstr("0x000006ba"));
  f.engine->get_error = 0;
  f.engine->filters[7] = {.name = "Another seven"};
  f.engine->filters[8] = {.name = "Eight"};
  const auto later = kStart + FilterNames::kRestAfterError;
  EXPECT_EQ(f.name(8, later) + f.name(7, later), "EightAnother seven");
  EXPECT_EQ(f.engine->opened, 2);
}

TEST(FilterNames, KeepsABoundedNumber) {
  Filters f;
  for (std::uint64_t id = 1; id <= 3 * FilterNames::kMaxKept; ++id) f.name(id);
  f.engine->asked = 0;
  for (std::uint64_t id = 1; id <= FilterNames::kMaxKept; ++id) f.name(id);
  EXPECT_EQ(f.engine->asked, static_cast<int>(FilterNames::kMaxKept));
}

TEST(FilterNames, LayersHaveNamesOfTheirOwn) {
  Filters f;
  f.engine->layers[44] = "ALE Receive/Accept v4 Layer";
  f.engine->filters[44] = {.name = "A filter"};
  EXPECT_EQ(f.names.layer(44, kStart), "ALE Receive/Accept v4 Layer");
  EXPECT_EQ(f.names.layer(45, kStart), "");
  EXPECT_EQ(f.names.layer(65536 + 44, kStart), "");
  EXPECT_EQ(f.name(44), "A filter");
}

// --- services

struct Manager final : ServiceManager {
  std::vector<RunningService> running;
  std::map<std::uint32_t, Timestamp> processes;
  int reads = 0;

  std::vector<RunningService> services() override {
    ++reads;
    return running;
  }
  std::optional<Timestamp> started(std::uint32_t process_id) override {
    const auto found = processes.find(process_id);
    if (found == processes.end()) return std::nullopt;
    return found->second;
  }
};

struct Services {
  Manager* manager = new Manager;
  ServiceNames names{std::unique_ptr<ServiceManager>(manager)};

  Services() {
    manager->processes = {{900, {100}}, {901, {100}}};
    manager->running = {{900, "Dnscache"}, {900, "NlaSvc"}, {902, "Gone"}};
  }
  std::string at(std::uint64_t id, std::int64_t time, Clock::time_point now = kStart) {
    return names.at(id, {time}, now);
  }
};

TEST(ServiceNames, AreThoseOfTheProcess) {
  Services s;
  EXPECT_EQ(s.at(900, 150), "Dnscache, NlaSvc");
  EXPECT_EQ(s.at(900, 100), "Dnscache, NlaSvc");
  EXPECT_EQ(s.at(901, 150), "");  // no service
  EXPECT_EQ(s.at(902, 150), "");  // gone since the list was read
  EXPECT_EQ(s.at(0x1'0000'0000 + 900, 150), "");
  EXPECT_EQ(s.manager->reads, 1);
}

TEST(ServiceNames, AreNotThoseOfALaterProcessWithTheSameId) {
  Services s;
  EXPECT_EQ(s.at(900, 99), "");
  EXPECT_EQ(s.at(900, 150), "Dnscache, NlaSvc");
  s.manager->processes[900] = {200};
  s.manager->running = {{900, "Spooler"}};
  EXPECT_EQ(s.at(900, 150), "");
  EXPECT_EQ(s.at(900, 250), "");  // the list is of before
  EXPECT_EQ(s.at(900, 250, kStart + ServiceNames::kMinAge), "Spooler");
  s.manager->processes.erase(900);
  EXPECT_EQ(s.at(900, 250, kStart + ServiceNames::kMinAge), "");
}

TEST(ServiceNames, AreReadAgainWhenOld) {
  Services s;
  EXPECT_EQ(s.at(900, 150), "Dnscache, NlaSvc");
  s.manager->running = {{900, "Dnscache"}};
  EXPECT_EQ(s.at(900, 150, kStart + ServiceNames::kMaxAge - kTick), "Dnscache, NlaSvc");
  EXPECT_EQ(s.at(900, 150, kStart + ServiceNames::kMaxAge), "Dnscache");
}

// --- all together

struct System {
  std::vector<Volume> volumes{{R"(\Device\HarddiskVolume3)", "C:"}};
  Engine* engine = new Engine;
  Manager* manager = new Manager;
  Timestamp started{50};
  TextArena text;
  std::unique_ptr<NameResolver> names =
      make_system_names({.volumes = [this] { return volumes; },
                         .filters = std::unique_ptr<FilterEngine>(engine),
                         .services = std::unique_ptr<ServiceManager>(manager),
                         .started = [this] { return started; },
                         .clock = [] { return kStart; }});

  System() {
    manager->processes[900] = {100};
    manager->running = {{900, "Dnscache"}};
    engine->filters[7] = {.name = "Block Outbound Default Rule"};
    engine->layers[60] = "Some new layer";
  }
};

Event event_of(std::string_view application) {
  Event event;
  event.event_id = 5157;
  event.time = {150};
  event.process_id = 900;
  event.application = application;
  event.filter_id = 7;
  event.layer_id = 48;
  event.layer = "connect";
  return event;
}

constexpr std::string_view kServiceHost = R"(\device\harddiskvolume3\windows\system32\svchost.exe)";

TEST(SystemNames, CompletesAnEvent) {
  System system;
  Event event = event_of(kServiceHost);
  system.names->resolve(event, system.text);
  EXPECT_EQ(event.application, R"(C:\windows\system32\svchost.exe)");
  EXPECT_EQ(event.filter_name, "Block Outbound Default Rule");
  EXPECT_EQ(event.reason, Reason::kDefaultOutbound);
  EXPECT_EQ(event.layer, "connect");
  EXPECT_EQ(winlog::note_of(event, winlog::kServiceNote), "Dnscache");
  EXPECT_EQ(system.names->fault(), "");
}

TEST(SystemNames, KeepsWhatIsKnownAlready) {
  System system;
  Event event = event_of(R"(C:\tools\curl.exe)");
  event.filter_name = "as the log told";
  system.names->resolve(event, system.text);
  EXPECT_EQ(event.application, R"(C:\tools\curl.exe)");
  EXPECT_EQ(event.filter_name, "as the log told");
  EXPECT_TRUE(event.raw.empty());  // not a service host
  EXPECT_EQ(system.engine->asked, 0);
}

TEST(SystemNames, NamesALayerThatHasNoWord) {
  System system;
  for (const char* recorded : {"", "%%14699"}) {
    Event event = event_of("System");
    event.layer = recorded;
    event.layer_id = 60;
    system.names->resolve(event, system.text);
    EXPECT_EQ(event.layer, "Some new layer");
    event.layer = recorded;
    event.layer_id = 61;
    system.names->resolve(event, system.text);
    EXPECT_EQ(event.layer, recorded);
  }
}

TEST(SystemNames, NoFilterWasRecorded) {
  System system;
  system.engine->filters[0] = {.name = "zero"};
  for (const std::optional<std::uint64_t> none : {std::optional<std::uint64_t>{0}, {}}) {
    Event event = event_of("System");
    event.filter_id = none;
    system.names->resolve(event, system.text);
    EXPECT_EQ(event.filter_name, "");
  }
  EXPECT_EQ(system.engine->asked, 0);
}

// Numbers of volumes, filters and processes mean something else since Windows started.
TEST(SystemNames, LeavesEventsOfAnEarlierSessionAlone) {
  System system;
  system.started = {151};
  Event event = event_of(kServiceHost);
  system.names->resolve(event, system.text);
  EXPECT_EQ(event.application, kServiceHost);
  EXPECT_EQ(event.filter_name, "");
  EXPECT_TRUE(event.raw.empty());
}

TEST(SystemNames, TellsWhyNamesAreMissing) {
  System system;
  system.engine->open_error = 5;
  Event event = event_of("System");
  system.names->resolve(event, system.text);
  EXPECT_EQ(event.filter_name, "");
  EXPECT_THAT(system.names->fault(), testing::HasSubstr("0x00000005"));
}

TEST(SystemNames, AChangeInTheLogReachesTheFilters) {
  System system;
  Event event = event_of("System");
  system.names->resolve(event, system.text);
  system.engine->filters[7].name = "Another one";
  system.names->filter_changed(7);
  event = event_of("System");
  system.names->resolve(event, system.text);
  EXPECT_EQ(event.filter_name, "Another one");
}

}  // namespace
}  // namespace blockwatch
