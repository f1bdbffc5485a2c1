// The doubles themselves, each awkward side as its header says where it is from:
// windows_doubles_test WEVTAPI_DLL. The functions of fake_advapi32 are linked in: Wine does not
// load a second library of that name.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <windows.h>
// After windows.h.
#include <ntsecapi.h>
#include <winevt.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/temp_dir.h"

namespace {

using blockwatch::TempDir;

HMODULE wevtapi = nullptr;

template <class Function>
Function* find(const char* name) {
  return reinterpret_cast<Function*>(reinterpret_cast<void*>(GetProcAddress(wevtapi, name)));
}

#define FAKE(name) find<decltype(::name)>(#name)

// What a call set as the last error, when it failed.
template <class Result>
DWORD error_of(Result result) {
  return result ? ERROR_SUCCESS : GetLastError();
}

// The log lives as long as the program: each test begins with a clear.
class FakeWevtapi : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new TempDir;
    const std::string path = folder_->path("log.jsonl");
    _putenv_s("FAKE_EVENT_LOG", path.c_str());
  }
  static void TearDownTestSuite() { delete folder_; }

  void SetUp() override { tell(R"({"do":"clear"})"); }
  ~FakeWevtapi() override {
    for (EVT_HANDLE handle : handles_) close_(handle);
    CloseHandle(signal_);
  }

  // Seen at the next call that opens something.
  static void tell(const std::string& line) {
    std::ofstream(folder_->path("log.jsonl"), std::ios::app | std::ios::binary) << line << '\n';
  }
  static void add_blocks(int count) {
    tell(R"({"id":5157,"repeat":)" + std::to_string(count) +
         R"(,"data":{"SourcePort":["port"],"Protocol":["u32",6]}})");
  }
  static void plan(const std::string& function, DWORD error) {
    tell(R"({"do":"fail","function":")" + function + R"(","error":)" + std::to_string(error) + "}");
  }

  EVT_HANDLE keep(EVT_HANDLE handle) {
    if (handle != nullptr) handles_.push_back(handle);
    return handle;
  }
  EVT_HANDLE open_log(const wchar_t* path = L"Security") {
    return keep(FAKE(EvtOpenLog)(nullptr, path, EvtOpenChannelPath));
  }
  std::uint64_t info(EVT_LOG_PROPERTY_ID property) {
    EVT_VARIANT value{};
    DWORD used = 0;
    EXPECT_TRUE(FAKE(EvtGetLogInfo)(open_log(), property, sizeof value, &value, &used));
    return value.UInt64Val;
  }
  std::uint64_t newest() {
    return info(EvtLogOldestRecordNumber) + info(EvtLogNumberOfLogRecords) - 1;
  }
  EVT_HANDLE subscribe(std::uint64_t after = 0) {
    EVT_HANDLE bookmark = nullptr;
    DWORD flags = EvtSubscribeStartAtOldestRecord;
    if (after != 0) {
      const std::wstring xml = L"<BookmarkList><Bookmark Channel='Security' RecordId='" +
                               std::to_wstring(after) + L"' IsCurrent='true'/></BookmarkList>";
      bookmark = keep(FAKE(EvtCreateBookmark)(xml.c_str()));
      flags = EvtSubscribeStartAfterBookmark | EvtSubscribeStrict;
    }
    const wchar_t* const query =
        L"<QueryList><Query Id=\"0\" Path=\"Security\"><Select Path=\"Security\">"
        L"*[System[Provider[@Name='Microsoft-Windows-Security-Auditing'] and (EventID=5157)]]"
        L"</Select></Query></QueryList>";
    return keep(
        FAKE(EvtSubscribe)(nullptr, signal_, nullptr, query, bookmark, nullptr, nullptr, flags));
  }
  // 0 and how many, or the error.
  std::pair<DWORD, DWORD> next(EVT_HANDLE subscription, DWORD most = 10) {
    std::vector<EVT_HANDLE> events(most);
    DWORD count = 0;
    if (!FAKE(EvtNext)(subscription, most, events.data(), 0, 0, &count)) {
      return {GetLastError(), 0};
    }
    for (DWORD i = 0; i < count; ++i) last_event_ = keep(events[i]);
    return {ERROR_SUCCESS, count};
  }
  // The record number of the event that the last next() ended with.
  std::uint64_t last_record() {
    LPCWSTR path = L"Event/System/EventRecordID";
    const EVT_HANDLE context = keep(FAKE(EvtCreateRenderContext)(1, &path, EvtRenderContextValues));
    EVT_VARIANT value{};
    DWORD used = 0;
    DWORD count = 0;
    EXPECT_TRUE(FAKE(EvtRender)(context, last_event_, EvtRenderEventValues, sizeof value, &value,
                                &used, &count));
    return value.UInt64Val;
  }

  static TempDir* folder_;
  EVT_HANDLE last_event_ = nullptr;

 private:
  decltype(&::EvtClose) close_ = FAKE(EvtClose);
  HANDLE signal_ = CreateEventW(nullptr, TRUE, FALSE, nullptr);
  std::vector<EVT_HANDLE> handles_;
};
TempDir* FakeWevtapi::folder_ = nullptr;

using testing::Pair;

TEST_F(FakeWevtapi, GivesRecordsInOrderAndSaysOnceThatTheseWereAll) {
  add_blocks(3);
  const EVT_HANDLE subscription = subscribe();
  EXPECT_THAT(next(subscription, 2), Pair(ERROR_SUCCESS, 2));
  EXPECT_THAT(next(subscription, 2), Pair(ERROR_SUCCESS, 1));
  EXPECT_EQ(last_record(), newest());
  EXPECT_THAT(next(subscription), Pair(ERROR_NO_MORE_ITEMS, 0));
  EXPECT_THAT(next(subscription), Pair(ERROR_INVALID_OPERATION, 0));
}

TEST_F(FakeWevtapi, ABookmarkThatIsGoneIsNotFound) {
  add_blocks(3);
  const std::uint64_t last = newest();
  EXPECT_EQ(error_of(subscribe(last - 1)), ERROR_SUCCESS);
  tell(R"({"do":"overwrite_below","record":)" + std::to_string(last) + "}");
  EXPECT_EQ(error_of(subscribe(last - 1)), static_cast<DWORD>(ERROR_NOT_FOUND));
}

TEST_F(FakeWevtapi, IsStaleForEverOnceItWasClearedOrRolledOver) {
  add_blocks(3);
  const EVT_HANDLE slow = subscribe();
  const EVT_HANDLE quick = subscribe(newest() - 1);
  tell(R"({"do":"overwrite_below","record":)" + std::to_string(newest()) + "}");
  open_log();
  EXPECT_THAT(next(slow), Pair(ERROR_EVT_QUERY_RESULT_STALE, 0));
  EXPECT_THAT(next(slow), Pair(ERROR_EVT_QUERY_RESULT_STALE, 0));
  EXPECT_THAT(next(quick), Pair(ERROR_SUCCESS, 1));
  tell(R"({"do":"clear"})");
  open_log();
  EXPECT_THAT(next(quick), Pair(ERROR_EVT_QUERY_RESULT_STALE, 0));
}

TEST_F(FakeWevtapi, ABatchThatIsTooLargeIsLostAndTheCountIsGarbage) {
  tell(R"({"do":"largest_batch","events":2})");
  add_blocks(5);
  const EVT_HANDLE subscription = subscribe();
  std::array<EVT_HANDLE, 3> events{};
  DWORD count = 0;
  EXPECT_EQ(error_of(FAKE(EvtNext)(subscription, 3, events.data(), 0, 0, &count)),
            static_cast<DWORD>(RPC_S_INVALID_BOUND));
  EXPECT_GT(count, 3U);
  EXPECT_THAT(next(subscription, 2), Pair(ERROR_SUCCESS, 2));
  EXPECT_EQ(last_record(), newest());
  tell(R"({"do":"largest_batch","events":1000000})");
}

TEST_F(FakeWevtapi, SubscriptionsDieWithTheService) {
  add_blocks(1);
  const EVT_HANDLE subscription = subscribe();
  tell(R"({"do":"restart"})");
  open_log();
  EXPECT_THAT(next(subscription), Pair(ERROR_INVALID_HANDLE, 0));
  EXPECT_THAT(next(subscribe()), Pair(ERROR_SUCCESS, 1));
}

TEST_F(FakeWevtapi, FailsOnceAsItIsTold) {
  add_blocks(1);
  const EVT_HANDLE subscription = subscribe();
  for (const DWORD error : {DWORD{ERROR_ACCESS_DENIED}, DWORD{RPC_S_SERVER_UNAVAILABLE},
                            DWORD{ERROR_EVT_CHANNEL_NOT_FOUND}}) {
    plan("EvtSubscribe", error);
    EXPECT_EQ(error_of(subscribe()), error);
    plan("EvtOpenLog", error);
    EXPECT_EQ(error_of(open_log()), error);
    plan("EvtNext", error);
    open_log();
    EXPECT_THAT(next(subscription), Pair(error, 0));
  }
  EXPECT_THAT(next(subscription), Pair(ERROR_SUCCESS, 1));
}

TEST_F(FakeWevtapi, KnowsOneChannel) {
  EXPECT_EQ(error_of(open_log(L"System")), static_cast<DWORD>(ERROR_EVT_CHANNEL_NOT_FOUND));
}

TEST_F(FakeWevtapi, RenderingSaysHowMuchItNeeds) {
  add_blocks(1);
  next(subscribe());
  LPCWSTR path = L"Event/System/Channel";
  const EVT_HANDLE context = keep(FAKE(EvtCreateRenderContext)(1, &path, EvtRenderContextValues));
  std::array<EVT_VARIANT, 4> buffer{};
  DWORD used = 0;
  DWORD count = 0;
  const auto render = [&](DWORD size) {
    return error_of(FAKE(EvtRender)(context, last_event_, EvtRenderEventValues, size, buffer.data(),
                                    &used, &count));
  };
  EXPECT_EQ(render(sizeof(EVT_VARIANT)), static_cast<DWORD>(ERROR_INSUFFICIENT_BUFFER));
  EXPECT_EQ(used, sizeof(EVT_VARIANT) + sizeof L"Security");
  EXPECT_EQ(render(sizeof buffer), ERROR_SUCCESS);
  EXPECT_EQ(std::wstring(buffer[0].StringVal), L"Security");
}

TEST_F(FakeWevtapi, AQueryReadsBackFromWhereItIsPut) {
  add_blocks(5);
  const EVT_HANDLE query = keep(
      FAKE(EvtQuery)(nullptr, L"Security", L"*", EvtQueryChannelPath | EvtQueryReverseDirection));
  const auto seek = FAKE(EvtSeek);
  EXPECT_TRUE(seek(query, 3, nullptr, 0, EvtSeekRelativeToFirst));
  EXPECT_THAT(next(query, 1), Pair(ERROR_SUCCESS, 1));
  EXPECT_EQ(last_record(), newest() - 3);
  EXPECT_EQ(error_of(seek(query, 5, nullptr, 0, EvtSeekRelativeToFirst)),
            static_cast<DWORD>(ERROR_INVALID_PARAMETER));
}

constexpr GUID kConnection{
    0x0CCE9226, 0x69AE, 0x11D9, {0xBE, 0xD3, 0x50, 0x50, 0x54, 0x50, 0x30, 0x30}};
constexpr const char* kOneSubcategory = "{0CCE9226-69AE-11D9-BED3-505054503030} 1\n";

class FakeAdvapi32 : public testing::Test {
 protected:
  void SetUp() override {
    _putenv_s("FAKE_AUDIT_POLICY", folder_.path("policy.txt").c_str());
    write(kOneSubcategory);
    EXPECT_EQ(privilege(true), ERROR_SUCCESS);
  }

  void write(const std::string& text) const {
    std::ofstream(folder_.path("policy.txt"), std::ios::trunc) << text;
  }
  // What AdjustTokenPrivileges leaves as the last error; it is TRUE in any case.
  static DWORD privilege(bool enable) {
    HANDLE token = nullptr;
    OpenProcessToken(GetCurrentProcess(), TOKEN_ADJUST_PRIVILEGES | TOKEN_QUERY, &token);
    TOKEN_PRIVILEGES wanted{};
    wanted.PrivilegeCount = 1;
    wanted.Privileges[0].Luid.LowPart = 8;  // SeSecurityPrivilege
    wanted.Privileges[0].Attributes = enable ? SE_PRIVILEGE_ENABLED : 0;
    EXPECT_TRUE(AdjustTokenPrivileges(token, FALSE, &wanted, 0, nullptr, nullptr));
    const DWORD error = GetLastError();
    CloseHandle(token);
    return error;
  }
  // 0 and the flags, or the error.
  static std::pair<DWORD, ULONG> query(const GUID& id = kConnection) {
    PAUDIT_POLICY_INFORMATION found = nullptr;
    if (!AuditQuerySystemPolicy(&id, 1, &found)) return {GetLastError(), 0};
    const ULONG flags = found->AuditingInformation;
    AuditFree(found);
    return {ERROR_SUCCESS, flags};
  }
  static DWORD set(ULONG flags, const GUID& id = kConnection) {
    AUDIT_POLICY_INFORMATION setting{};
    setting.AuditSubCategoryGuid = id;
    setting.AuditingInformation = flags;
    return error_of(AuditSetSystemPolicy(&setting, 1));
  }

  const TempDir folder_;
};

TEST_F(FakeAdvapi32, ZeroLeavesAndFourSwitchesOff) {
  EXPECT_THAT(query(), Pair(ERROR_SUCCESS, 1));
  EXPECT_EQ(set(POLICY_AUDIT_EVENT_UNCHANGED), ERROR_SUCCESS);
  EXPECT_THAT(query(), Pair(ERROR_SUCCESS, 1));
  EXPECT_EQ(set(POLICY_AUDIT_EVENT_FAILURE), ERROR_SUCCESS);
  EXPECT_THAT(query(), Pair(ERROR_SUCCESS, 2));
  EXPECT_EQ(set(POLICY_AUDIT_EVENT_NONE), ERROR_SUCCESS);
  EXPECT_THAT(query(), Pair(ERROR_SUCCESS, 0));
}

TEST_F(FakeAdvapi32, WhatIsNotKnownIsAnInvalidParameter) {
  GUID other = kConnection;
  other.Data1 = 0x0CCE92FF;
  EXPECT_THAT(query(other), Pair(ERROR_INVALID_PARAMETER, 0));
  EXPECT_EQ(set(POLICY_AUDIT_EVENT_SUCCESS, other), static_cast<DWORD>(ERROR_INVALID_PARAMETER));
  EXPECT_EQ(set(8), static_cast<DWORD>(ERROR_INVALID_PARAMETER));
  EXPECT_EQ(error_of(AuditSetSystemPolicy(nullptr, 0)),
            static_cast<DWORD>(ERROR_INVALID_PARAMETER));
}

TEST_F(FakeAdvapi32, DeniesWhoHasNotEnabledThePrivilege) {
  EXPECT_EQ(privilege(false), ERROR_SUCCESS);
  EXPECT_THAT(query(), Pair(ERROR_ACCESS_DENIED, 0));
  EXPECT_EQ(set(POLICY_AUDIT_EVENT_FAILURE), static_cast<DWORD>(ERROR_ACCESS_DENIED));
}

TEST_F(FakeAdvapi32, AnAccountMayLackThePrivilege) {
  EXPECT_EQ(privilege(false), ERROR_SUCCESS);
  write(std::string("lacks_privilege\n") + kOneSubcategory);
  EXPECT_EQ(privilege(true), static_cast<DWORD>(ERROR_NOT_ALL_ASSIGNED));
  EXPECT_THAT(query(), Pair(ERROR_ACCESS_DENIED, 0));
}

TEST_F(FakeAdvapi32, FailsAsItIsTold) {
  write(std::string("fail query 1722\nfail set 5\n") + kOneSubcategory);
  EXPECT_THAT(query(), Pair(RPC_S_SERVER_UNAVAILABLE, 0));
  EXPECT_EQ(set(POLICY_AUDIT_EVENT_FAILURE), static_cast<DWORD>(ERROR_ACCESS_DENIED));
}

TEST_F(FakeAdvapi32, ALockedPolicyTakesEverythingAndStays) {
  write(std::string("locked\n") + kOneSubcategory);
  EXPECT_EQ(set(POLICY_AUDIT_EVENT_FAILURE), ERROR_SUCCESS);
  EXPECT_THAT(query(), Pair(ERROR_SUCCESS, 1));
}

}  // namespace

int main(int argc, char** argv) {
  testing::InitGoogleMock(&argc, argv);
  if (argc == 2) wevtapi = LoadLibraryA(argv[1]);
  if (wevtapi == nullptr) {
    std::fputs("the path of the false wevtapi.dll is expected\n", stderr);
    return 2;
  }
  return RUN_ALL_TESTS();
}
