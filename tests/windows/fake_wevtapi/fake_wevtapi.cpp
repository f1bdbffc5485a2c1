// Stands where wevtapi.dll stands, in the system32 of a Wine prefix of its own: the functions that
// the program calls, over the log of fake_log.h, with the awkward sides that
// tests/monitor/fake_eventlog.h names with their sources.

#include "fake_log.h"
// After windows.h, which it needs.
#include <winevt.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <regex>
#include <utility>

using fake::Log;

namespace {

struct Object {
  virtual ~Object() = default;
};
struct SubscriptionObject : Object {
  fake::Subscription state;
  ~SubscriptionObject() override { Log::get().subscriptions.erase(&state); }
};
struct EventObject : Object {
  fake::Record record;
};
struct ContextObject : Object {
  std::vector<std::wstring> paths;
};
struct BookmarkObject : Object {
  std::uint64_t record = 0;
};
struct LogObject : Object {};
struct QueryObject : Object {
  std::size_t back = 0;  // of the next event, from the newest
};

constexpr std::uint64_t kBytesPerRecord = 1000;
constexpr std::uint64_t kMaxBytes = 20'971'520;  // what Windows comes with

EVT_HANDLE fail(DWORD code) {
  SetLastError(code);
  return nullptr;
}

template <class T>
T* as(EVT_HANDLE handle) {
  T* const object = dynamic_cast<T*>(static_cast<Object*>(handle));
  if (object == nullptr) SetLastError(ERROR_INVALID_HANDLE);
  return object;
}

EVT_HANDLE give(std::unique_ptr<Object> object) { return object.release(); }

// As the real one lays it out: the variants, then what they point to, in one buffer.
BOOL pack(const std::vector<fake::Value>& values, DWORD size, void* buffer, DWORD* used) {
  static constexpr BYTE kNullSid[12] = {1, 1};
  std::size_t need = values.size() * sizeof(EVT_VARIANT);
  for (const auto& v : values) {
    if (v.type == EvtVarTypeString) need += (v.text.size() + 1) * sizeof(wchar_t);
    if (v.type == EvtVarTypeSid) need += sizeof kNullSid;
  }
  *used = static_cast<DWORD>(need);
  if (size < need) return fail(ERROR_INSUFFICIENT_BUFFER) != nullptr;
  auto* const variants = static_cast<EVT_VARIANT*>(buffer);
  auto* behind = static_cast<BYTE*>(buffer) + values.size() * sizeof(EVT_VARIANT);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto& v = values[i];
    variants[i] = {};
    variants[i].Type = v.type;
    variants[i].UInt64Val = v.number;
    if (v.type == EvtVarTypeString) {
      const std::size_t bytes = (v.text.size() + 1) * sizeof(wchar_t);
      std::memcpy(behind, v.text.c_str(), bytes);
      variants[i].StringVal = reinterpret_cast<LPCWSTR>(behind);
      behind += bytes;
    } else if (v.type == EvtVarTypeSid) {
      std::memcpy(behind, kNullSid, sizeof kNullSid);
      variants[i].SidVal = behind;
      behind += sizeof kNullSid;
    }
  }
  return TRUE;
}

// Every "Provider[@Name='P'] and (EventID=N or ...)" of a structured query; empty: malformed.
std::set<fake::Kind> read_query(const std::wstring& query) {
  std::set<fake::Kind> wanted;
  const std::wregex select(
      L"<Select Path=\"Security\">\\*\\[System\\[Provider\\[@Name='([^']*)'\\] "
      L"and \\(([^)]*)\\)\\]\\]</Select>");
  const std::wregex id(L"EventID=(\\d+)");
  for (std::wsregex_iterator it(query.begin(), query.end(), select), end; it != end; ++it) {
    const std::wstring terms = (*it)[2];
    for (std::wsregex_iterator t(terms.begin(), terms.end(), id); t != end; ++t) {
      wanted.insert({(*it)[1], static_cast<std::uint32_t>(std::stoul((*t)[1]))});
    }
  }
  return wanted;
}

}  // namespace

#define EXPORT extern "C" __declspec(dllexport)

EXPORT EVT_HANDLE WINAPI EvtSubscribe(EVT_HANDLE, HANDLE signal, LPCWSTR, LPCWSTR query,
                                      EVT_HANDLE bookmark, PVOID, EVT_SUBSCRIBE_CALLBACK callback,
                                      DWORD flags) {
  Log& log = Log::get();
  const std::lock_guard lock(log.mutex);
  log.refresh();
  if (const DWORD code = log.planned_error("EvtSubscribe")) return fail(code);
  if (signal == nullptr || callback != nullptr) return fail(ERROR_INVALID_PARAMETER);
  auto subscription = std::make_unique<SubscriptionObject>();
  auto& state = subscription->state;
  state.signal = signal;
  state.wanted = read_query(query);
  if (state.wanted.empty()) return fail(ERROR_EVT_INVALID_QUERY);
  switch (flags & EvtSubscribeOriginMask) {
    case EvtSubscribeStartAtOldestRecord:
      break;
    case EvtSubscribeStartAfterBookmark: {
      const auto* const mark = as<BookmarkObject>(bookmark);
      if (mark == nullptr) return fail(ERROR_INVALID_PARAMETER);
      state.position = mark->record;
      const bool there = std::any_of(log.records.begin(), log.records.end(),
                                     [&](const auto& r) { return r.id == mark->record; });
      if (!there && (flags & EvtSubscribeStrict) != 0) return fail(ERROR_NOT_FOUND);
      break;
    }
    default:  // from now on: nothing we want to see used
      return fail(ERROR_INVALID_PARAMETER);
  }
  if (log.next_index(state) < log.records.size()) SetEvent(signal);
  log.subscriptions.insert(&state);
  return give(std::move(subscription));
}

EXPORT BOOL WINAPI EvtNext(EVT_HANDLE handle, DWORD size, EVT_HANDLE* events, DWORD, DWORD,
                           PDWORD returned) {
  Log& log = Log::get();
  const std::lock_guard lock(log.mutex);
  *returned = 0xBAD;  // left as garbage by failures
  if (const DWORD code = log.planned_error("EvtNext")) return fail(code) != nullptr;
  if (auto* const query = dynamic_cast<QueryObject*>(static_cast<Object*>(handle))) {
    if (size == 0 || query->back >= log.records.size()) return fail(ERROR_NO_MORE_ITEMS) != nullptr;
    auto event = std::make_unique<EventObject>();
    event->record = log.records[log.records.size() - 1 - query->back++];
    events[0] = give(std::move(event));
    *returned = 1;
    return TRUE;
  }
  auto* const object = as<SubscriptionObject>(handle);
  if (object == nullptr) return FALSE;
  auto& state = object->state;
  if (state.dead) return fail(ERROR_INVALID_HANDLE) != nullptr;
  if (state.stale) return fail(ERROR_EVT_QUERY_RESULT_STALE) != nullptr;
  std::vector<std::unique_ptr<EventObject>> taken;
  for (std::size_t i; taken.size() < size && (i = log.next_index(state)) < log.records.size();) {
    taken.push_back(std::make_unique<EventObject>());
    taken.back()->record = log.records[i];
    state.position = log.records[i].id;
  }
  if (taken.empty()) {
    const bool again = std::exchange(state.at_end, true);
    return fail(again ? ERROR_INVALID_OPERATION : ERROR_NO_MORE_ITEMS) != nullptr;
  }
  if (size > log.largest_batch) return fail(RPC_S_INVALID_BOUND) != nullptr;
  for (std::size_t i = 0; i < taken.size(); ++i) events[i] = give(std::move(taken[i]));
  *returned = static_cast<DWORD>(taken.size());
  return TRUE;
}

// Of the whole channel, from its newest event backwards; one event at a time.
EXPORT EVT_HANDLE WINAPI EvtQuery(EVT_HANDLE, LPCWSTR path, LPCWSTR query, DWORD flags) {
  Log& log = Log::get();
  const std::lock_guard lock(log.mutex);
  log.refresh();
  if (const DWORD code = log.planned_error("EvtQuery")) return fail(code);
  if (std::wstring(path) != L"Security") return fail(ERROR_EVT_CHANNEL_NOT_FOUND);
  if (std::wstring(query) != L"*" || flags != (EvtQueryChannelPath | EvtQueryReverseDirection)) {
    return fail(ERROR_INVALID_PARAMETER);
  }
  return give(std::make_unique<QueryObject>());
}

EXPORT BOOL WINAPI EvtSeek(EVT_HANDLE handle, LONGLONG position, EVT_HANDLE, DWORD, DWORD flags) {
  Log& log = Log::get();
  const std::lock_guard lock(log.mutex);
  auto* const query = as<QueryObject>(handle);
  if (query == nullptr) return FALSE;
  if (flags != EvtSeekRelativeToFirst || position < 0 ||
      static_cast<std::uint64_t>(position) >= log.records.size()) {
    return fail(ERROR_INVALID_PARAMETER) != nullptr;
  }
  query->back = static_cast<std::size_t>(position);
  return TRUE;
}

EXPORT EVT_HANDLE WINAPI EvtCreateRenderContext(DWORD count, LPCWSTR* paths, DWORD flags) {
  if (flags != EvtRenderContextValues) return fail(ERROR_INVALID_PARAMETER);
  auto context = std::make_unique<ContextObject>();
  context->paths.assign(paths, paths + count);
  return give(std::move(context));
}

EXPORT BOOL WINAPI EvtRender(EVT_HANDLE handle, EVT_HANDLE event, DWORD flags, DWORD size,
                             PVOID buffer, PDWORD used, PDWORD count) {
  const auto* const context = as<ContextObject>(handle);
  const auto* const object = as<EventObject>(event);
  if (context == nullptr || object == nullptr) return FALSE;
  if (flags != EvtRenderEventValues) return fail(ERROR_INVALID_PARAMETER) != nullptr;
  std::vector<fake::Value> values;
  for (const auto& path : context->paths) values.push_back(object->record.at(path));
  *count = static_cast<DWORD>(values.size());
  return pack(values, size, buffer, used);
}

EXPORT EVT_HANDLE WINAPI EvtCreateBookmark(LPCWSTR xml) {
  std::wcmatch match;
  const std::wregex form(
      L"<BookmarkList><Bookmark Channel='Security' RecordId='(\\d+)' IsCurrent='true'/>"
      L"</BookmarkList>");
  if (xml == nullptr || !std::regex_match(xml, match, form)) {
    return fail(ERROR_EVT_INVALID_QUERY);
  }
  auto bookmark = std::make_unique<BookmarkObject>();
  bookmark->record = std::stoull(match[1]);
  return give(std::move(bookmark));
}

EXPORT EVT_HANDLE WINAPI EvtOpenLog(EVT_HANDLE, LPCWSTR path, DWORD flags) {
  Log& log = Log::get();
  const std::lock_guard lock(log.mutex);
  log.refresh();
  if (const DWORD code = log.planned_error("EvtOpenLog")) return fail(code);
  if (std::wstring(path) != L"Security" || flags != EvtOpenChannelPath) {
    return fail(ERROR_EVT_CHANNEL_NOT_FOUND);
  }
  return give(std::make_unique<LogObject>());
}

EXPORT BOOL WINAPI EvtGetLogInfo(EVT_HANDLE handle, EVT_LOG_PROPERTY_ID property, DWORD size,
                                 PEVT_VARIANT buffer, PDWORD used) {
  if (as<LogObject>(handle) == nullptr) return FALSE;
  Log& log = Log::get();
  const std::lock_guard lock(log.mutex);
  const auto& records = log.records;
  switch (property) {
    case EvtLogFileSize:
      return pack({{EvtVarTypeUInt64, kBytesPerRecord * records.size(), {}}}, size, buffer, used);
    case EvtLogCreationTime:
      return pack({{EvtVarTypeFileTime, 1, {}}}, size, buffer, used);
    case EvtLogNumberOfLogRecords:
      return pack({{EvtVarTypeUInt64, records.size(), {}}}, size, buffer, used);
    case EvtLogOldestRecordNumber:
      return pack({{EvtVarTypeUInt64, records.empty() ? 0 : records.front().id, {}}}, size, buffer,
                  used);
    default:
      return fail(ERROR_INVALID_PARAMETER) != nullptr;
  }
}

EXPORT EVT_HANDLE WINAPI EvtOpenChannelConfig(EVT_HANDLE, LPCWSTR, DWORD) {
  return give(std::make_unique<LogObject>());
}

EXPORT BOOL WINAPI EvtGetChannelConfigProperty(EVT_HANDLE handle,
                                               EVT_CHANNEL_CONFIG_PROPERTY_ID property, DWORD,
                                               DWORD size, PEVT_VARIANT buffer, PDWORD used) {
  if (as<LogObject>(handle) == nullptr) return FALSE;
  switch (property) {
    case EvtChannelLoggingConfigLogFilePath:
      return pack({{EvtVarTypeString, 0, L"%SystemRoot%\\System32\\Winevt\\Logs\\Security.evtx"}},
                  size, buffer, used);
    case EvtChannelLoggingConfigMaxSize:
      return pack({{EvtVarTypeUInt64, kMaxBytes, {}}}, size, buffer, used);
    case EvtChannelLoggingConfigRetention:
    case EvtChannelLoggingConfigAutoBackup:
      return pack({{EvtVarTypeBoolean, FALSE, {}}}, size, buffer, used);
    default:
      return fail(ERROR_INVALID_PARAMETER) != nullptr;
  }
}

EXPORT BOOL WINAPI EvtClose(EVT_HANDLE handle) {
  const std::lock_guard lock(Log::get().mutex);
  delete static_cast<Object*>(handle);
  return TRUE;
}
