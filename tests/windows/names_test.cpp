// The Windows functions behind names, with a fwpuclnt.dll of the tests' making and whatever else
// this Windows (Wine) has: names_test.exe FAKE_FWPUCLNT.

#include <windows.h>
// After windows.h.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <winsvc.h>

#include <array>
#include <cstdio>
#include <string>
#include <vector>

#include "monitor/name_resolver.h"
#include "monitor/winlog/note.h"
#include "tests/support/eventually.h"

namespace blockwatch {
namespace {

// Where the table is.
std::wstring table_path() {
  std::array<wchar_t, MAX_PATH> folder{};
  GetTempPathW(static_cast<DWORD>(folder.size()), folder.data());
  return folder.data() + std::wstring(L"blockwatch-\x0444-") +
         std::to_wstring(GetCurrentProcessId()) + L".tsv";
}

class WindowsNames : public testing::Test {
 protected:
  WindowsNames() {
    SetEnvironmentVariableW(L"FAKE_FWPUCLNT", table_path().c_str());
    write(
        "filter\t70001\t\xD0\x91\xD0\xBB\xD0\xBE\xD0\xBA\xD0\xB8\xD1\x80\xD0\xBE\xD0\xB2\xD0"
        "\xBA\xD0\xB0\t-\n"
        "filter\t70002\tQuery User\t{decc16ca-3f33-4346-be1e-8fb4ae0f3d62}\n"
        "filter\t70003\tQuiet\t{11111111-2222-3333-4444-5555deadbeef}\n"
        "filter\t70004\t@no-such-file.dll,-25000\t-\n"
        "provider\t{11111111-2222-3333-4444-5555DEADBEEF}\tAcme\n"
        "layer\t90\tSome new layer\n");
  }
  ~WindowsNames() override { DeleteFileW(table_path().c_str()); }

  static void write(const std::string& table) {
    std::FILE* file = _wfopen(table_path().c_str(), L"wb");
    std::fputs(table.c_str(), file);
    std::fclose(file);
  }

  Event resolved(std::uint64_t filter_id, std::string_view application = "System",
                 std::uint64_t process_id = 4) {
    Event event;
    event.event_id = 5157;
    event.time = now();
    event.process_id = process_id;
    event.application = application;
    event.filter_id = filter_id;
    event.layer = "connect";
    names->resolve(event, text);
    return event;
  }

  TextArena text;
  std::unique_ptr<NameResolver> names = system_names();
};

TEST_F(WindowsNames, AFilterHasItsNameAndProvider) {
  EXPECT_EQ(resolved(70001).filter_name,
            "\xD0\x91\xD0\xBB\xD0\xBE\xD0\xBA\xD0\xB8\xD1\x80\xD0\xBE\xD0\xB2\xD0\xBA\xD0\xB0");
  EXPECT_EQ(resolved(70002).reason, Reason::kQueryUser);
  const Event quiet = resolved(70003);
  EXPECT_EQ(quiet.filter_name, "Quiet");
  EXPECT_EQ(quiet.reason, Reason::kThirdParty);
  EXPECT_EQ(winlog::note_of(quiet, winlog::kFilterProviderNote), "Acme");
  EXPECT_EQ(resolved(70004).filter_name, "@no-such-file.dll,-25000");
  EXPECT_EQ(resolved(70099).filter_name, "");
  EXPECT_EQ(names->fault(), "");
}

TEST_F(WindowsNames, ALayerHasItsName) {
  Event event;
  event.time = now();
  event.layer = "%%14699";
  event.layer_id = 90;
  names->resolve(event, text);
  EXPECT_EQ(event.layer, "Some new layer");
}

TEST_F(WindowsNames, AMissingRightIsTold) {
  write("error\tFwpmEngineOpen0\t5\n");
  EXPECT_EQ(resolved(70001).filter_name, "");
  EXPECT_THAT(names->fault(), testing::HasSubstr("0x00000005"));
}

TEST_F(WindowsNames, ALostSessionIsTold) {
  EXPECT_EQ(resolved(70002).filter_name, "Query User");
  write("error\tFwpmFilterGetById0\t1722\n");
  EXPECT_EQ(resolved(70001).filter_name, "");
  EXPECT_THAT(names->fault(), testing::HasSubstr("0x000006ba"));
}

TEST_F(WindowsNames, NothingIsLeftInUse) {
  for (const std::uint64_t id : {70001U, 70002U, 70003U, 70099U}) resolved(id);
  names.reset();
  const auto in_use = reinterpret_cast<int (*)()>(reinterpret_cast<void*>(
      GetProcAddress(GetModuleHandleW(L"fwpuclnt.dll"), "FakeFwpuclntInUse")));
  ASSERT_NE(in_use, nullptr);
  EXPECT_EQ(in_use(), 0);
}

TEST_F(WindowsNames, ADriveStandsForItsVolume) {
  std::array<wchar_t, 512> device{};
  ASSERT_NE(QueryDosDeviceW(L"C:", device.data(), static_cast<DWORD>(device.size())), 0U);
  std::string path;
  for (const wchar_t* c = device.data(); *c != 0; ++c)
    path += static_cast<char>(*c >= L'A' && *c <= L'Z' ? *c + 32 : *c);
  EXPECT_EQ(resolved(0, path + R"(\windows\explorer.exe)").application,
            R"(C:\windows\explorer.exe)");
  const std::string unknown = R"(\device\harddiskvolume999\a.exe)";
  EXPECT_EQ(resolved(0, unknown).application, unknown);
}

std::vector<DWORD> processes_of_services() {
  std::vector<DWORD> processes;
  SC_HANDLE manager = OpenSCManagerW(nullptr, nullptr, SC_MANAGER_ENUMERATE_SERVICE);
  if (manager == nullptr) return processes;
  std::vector<ENUM_SERVICE_STATUS_PROCESSW> room(500);
  DWORD needed = 0;
  DWORD count = 0;
  EnumServicesStatusExW(manager, SC_ENUM_PROCESS_INFO, SERVICE_WIN32, SERVICE_ACTIVE,
                        reinterpret_cast<BYTE*>(room.data()),
                        static_cast<DWORD>(room.size() * sizeof(room[0])), &needed, &count, nullptr,
                        nullptr);
  CloseServiceHandle(manager);
  for (DWORD i = 0; i < count; ++i) processes.push_back(room[i].ServiceStatusProcess.dwProcessId);
  return processes;
}

TEST_F(WindowsNames, AServiceIsFoundByItsProcess) {
  const auto service_of = [this](DWORD process_id) {
    return winlog::note_of(resolved(0, R"(C:\windows\system32\svchost.exe)", process_id),
                           winlog::kServiceNote);
  };
  // Wine's services are started with its first program.
  EXPECT_TRUE(eventually([&] {
    names = system_names();  // with a list of now
    for (const DWORD id : processes_of_services()) {
      if (!service_of(id).empty()) return true;
    }
    return false;
  }));
  EXPECT_EQ(service_of(GetCurrentProcessId()), "");
}

}  // namespace
}  // namespace blockwatch

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  // A library that is loaded is found by its name, also by who would take it from System32 only.
  if (argc < 2 || LoadLibraryA(argv[1]) == nullptr) {
    std::fputs("the path of the false fwpuclnt.dll is expected\n", stderr);
    return 2;
  }
  return RUN_ALL_TESTS();
}
