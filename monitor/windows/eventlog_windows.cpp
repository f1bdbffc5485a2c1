// EventLogApi over wevtapi.dll. No decisions here: each function is one or two calls.

#include <array>
#include <cstring>
#include <cwchar>
#include <deque>
#include <utility>
#include <vector>

#include "monitor/eventlog_api.h"
#include "monitor/windows/wevtapi.h"

namespace blockwatch {
namespace {

struct HandleCloser {
  void operator()(HANDLE handle) const { CloseHandle(handle); }
};
using Handle = std::unique_ptr<void, HandleCloser>;

// Of a call that failed. Some stand-ins fail without saying why.
tl::unexpected<std::uint32_t> last_error() {
  const DWORD code = GetLastError();
  return tl::unexpected<std::uint32_t>(code != ERROR_SUCCESS ? code : ERROR_CALL_NOT_IMPLEMENTED);
}

std::wstring to_wide(std::string_view utf8) {
  const int size = static_cast<int>(utf8.size());
  std::wstring wide(utf8.size(), L'\0');
  wide.resize(static_cast<std::size_t>(
      MultiByteToWideChar(CP_UTF8, 0, utf8.data(), size, wide.data(), size)));
  return wide;
}

std::string to_utf8(const std::wstring& wide) {
  const int size = static_cast<int>(wide.size());
  std::string utf8(3 * wide.size(), '\0');
  utf8.resize(static_cast<std::size_t>(
      WideCharToMultiByte(CP_UTF8, 0, wide.data(), size, utf8.data(), 3 * size, nullptr, nullptr)));
  return utf8;
}

// A service's account holds the right to read the Security log switched off. Where it has not got
// it, membership in Event Log Readers may do.
void enable_security_privilege() {
  HANDLE raw = nullptr;
  if (OpenProcessToken(GetCurrentProcess(), TOKEN_ADJUST_PRIVILEGES, &raw) == FALSE) return;
  const Handle token(raw);
  TOKEN_PRIVILEGES wanted{};
  wanted.PrivilegeCount = 1;
  wanted.Privileges[0].Attributes = SE_PRIVILEGE_ENABLED;
  if (LookupPrivilegeValueW(nullptr, L"SeSecurityPrivilege", &wanted.Privileges[0].Luid) == FALSE) {
    return;
  }
  AdjustTokenPrivileges(token.get(), FALSE, &wanted, 0, nullptr, nullptr);
}

// EVT_VARIANT numbers its types as BinXML does; here are the sizes of one value.
std::uint32_t width_of(DWORD type) {
  switch (type) {
    case EvtVarTypeSByte:
    case EvtVarTypeByte:
      return 1;
    case EvtVarTypeInt16:
    case EvtVarTypeUInt16:
      return 2;
    case EvtVarTypeInt32:
    case EvtVarTypeUInt32:
    case EvtVarTypeSingle:
    case EvtVarTypeBoolean:
    case EvtVarTypeHexInt32:
      return 4;
    case EvtVarTypeInt64:
    case EvtVarTypeUInt64:
    case EvtVarTypeDouble:
    case EvtVarTypeFileTime:
    case EvtVarTypeHexInt64:
      return 8;
    case EvtVarTypeGuid:
    case EvtVarTypeSysTime:
      return 16;
    case EvtVarTypeSizeT:
      return sizeof(std::size_t);
    default:
      return 0;
  }
}

const std::uint8_t* bytes_at(const void* place) { return static_cast<const std::uint8_t*>(place); }

std::uint32_t bytes_of(const wchar_t* text) {
  return static_cast<std::uint32_t>(std::wcslen(text) * sizeof(wchar_t));
}

// The bytes of a variant as an event file holds them. They live as long as the variant's buffer, or
// in `texts`.
evtx::Value value_of(const EVT_VARIANT& variant, std::deque<std::wstring>& texts) {
  const DWORD type = variant.Type & EVT_VARIANT_TYPE_MASK;
  const auto make = [&variant](const void* bytes, std::size_t size) {
    return evtx::Value(static_cast<std::uint8_t>(variant.Type), bytes_at(bytes),
                       static_cast<std::uint32_t>(size));
  };
  if ((variant.Type & EVT_VARIANT_TYPE_ARRAY) != 0) {
    if (type != EvtVarTypeString)
      return make(variant.BinaryVal, std::size_t{variant.Count} * width_of(type));
    std::wstring& all = texts.emplace_back();
    for (DWORD i = 0; i < variant.Count; ++i) all.append(variant.StringArr[i]).push_back(L'\0');
    return make(all.data(), all.size() * sizeof(wchar_t));
  }
  switch (type) {
    case EvtVarTypeNull:
      return {};
    case EvtVarTypeString:
      if (variant.StringVal == nullptr) return {};
      return make(variant.StringVal, bytes_of(variant.StringVal));
    case EvtVarTypeAnsiString:
      if (variant.AnsiStringVal == nullptr) return {};
      return make(variant.AnsiStringVal, std::strlen(variant.AnsiStringVal));
    case EvtVarTypeEvtXml:
      return {static_cast<std::uint8_t>(evtx::ValueType::kString), bytes_at(variant.XmlVal),
              bytes_of(variant.XmlVal)};
    case EvtVarTypeBinary:
      return make(variant.BinaryVal, variant.Count);
    case EvtVarTypeGuid:
      return make(variant.GuidVal, width_of(type));
    case EvtVarTypeSysTime:
      return make(variant.SysTimeVal, width_of(type));
    case EvtVarTypeSid:
      // Revision, count, authority of 6 bytes, and so many of 4.
      return make(variant.SidVal, 8U + 4U * bytes_at(variant.SidVal)[1]);
    default:
      return make(&variant.UInt64Val, width_of(type));
  }
}

class WindowsSubscription final : public LogSubscription {
 public:
  WindowsSubscription(const Wevtapi& api, Handle signal, EvtHandle subscription, EVT_HANDLE context)
      : api_(api),
        signal_(std::move(signal)),
        subscription_(std::move(subscription)),
        context_(context) {}

  bool wait(std::chrono::milliseconds time) override {
    return WaitForSingleObject(signal_.get(), static_cast<DWORD>(time.count())) == WAIT_OBJECT_0;
  }
  void reset() override { ResetEvent(signal_.get()); }

  LogResult<std::uint32_t> next(std::uint32_t most) override {
    events_.clear();
    raw_.assign(most, nullptr);
    DWORD taken = 0;  // left as it was by some failures
    SetLastError(ERROR_SUCCESS);
    if (api_.next(subscription_.get(), most, raw_.data(), 0, 0, &taken) == FALSE) {
      return last_error();
    }
    for (DWORD i = 0; i < taken; ++i) events_.emplace_back(raw_[i], EvtCloser{api_.close});
    if (events_.empty()) return tl::unexpected(log_error::kNoMoreItems);
    return taken;
  }

  LogResult<std::span<const evtx::Value>> render(std::uint32_t index) override {
    DWORD used = 0;
    DWORD count = 0;
    const auto ask = [&] {
      SetLastError(ERROR_SUCCESS);
      return api_.render(context_, events_.at(index).get(), EvtRenderEventValues,
                         static_cast<DWORD>(buffer_.size() * sizeof(EVT_VARIANT)), buffer_.data(),
                         &used, &count) != FALSE;
    };
    if (!ask()) {
      if (GetLastError() != ERROR_INSUFFICIENT_BUFFER) return last_error();
      buffer_.resize(used / sizeof(EVT_VARIANT) + 1);
      if (!ask()) return last_error();
    }
    texts_.clear();
    values_.clear();
    for (DWORD i = 0; i < count; ++i) values_.push_back(value_of(buffer_[i], texts_));
    return values_;
  }

 private:
  const Wevtapi& api_;
  const Handle signal_;
  const EvtHandle subscription_;  // closed before the signal
  const EVT_HANDLE context_;
  std::vector<EVT_HANDLE> raw_;
  std::vector<EvtHandle> events_;
  std::vector<EVT_VARIANT> buffer_{256};  // of variants, for their alignment; texts lie behind
  std::vector<evtx::Value> values_;
  std::deque<std::wstring> texts_;
};

class WindowsEventLog final : public EventLogApi {
 public:
  explicit WindowsEventLog(const Wevtapi& api) : api_(api) {}

  LogResult<std::unique_ptr<LogSubscription>> subscribe(const LogQuestion& question) override {
    SetLastError(ERROR_SUCCESS);
    if (!context_) {
      std::vector<std::wstring> paths;
      std::vector<LPCWSTR> pointers;
      for (const std::string_view path : question.paths) paths.push_back(to_wide(path));
      pointers.reserve(paths.size());
      for (const std::wstring& path : paths) pointers.push_back(path.c_str());
      context_ = own(api_.create_render_context(static_cast<DWORD>(pointers.size()),
                                                pointers.data(), EvtRenderContextValues));
      if (!context_) return last_error();
    }
    Handle signal(CreateEventW(nullptr, TRUE, FALSE, nullptr));
    if (!signal) return last_error();
    EvtHandle bookmark;
    DWORD flags = EvtSubscribeStartAtOldestRecord;
    if (question.after_record_id) {
      // winlogbeat writes its bookmarks itself too; the form is that of EvtRenderBookmark.
      const std::string xml = "<BookmarkList><Bookmark Channel='" + std::string(kEventLogChannel) +
                              "' RecordId='" + std::to_string(*question.after_record_id) +
                              "' IsCurrent='true'/></BookmarkList>";
      bookmark = own(api_.create_bookmark(to_wide(xml).c_str()));
      if (!bookmark) return last_error();
      flags = EvtSubscribeStartAfterBookmark | EvtSubscribeStrict;
    }
    // A structured query names its channel.
    EvtHandle subscription =
        own(api_.subscribe(nullptr, signal.get(), nullptr, to_wide(question.query).c_str(),
                           bookmark.get(), nullptr, nullptr, flags));
    if (!subscription) return last_error();
    return std::make_unique<WindowsSubscription>(api_, std::move(signal), std::move(subscription),
                                                 context_.get());
  }

  LogResult<LogInfo> info() override {
    SetLastError(ERROR_SUCCESS);
    const EvtHandle log =
        own(api_.open_log(nullptr, to_wide(kEventLogChannel).c_str(), EvtOpenChannelPath));
    if (!log) return last_error();
    LogInfo info;
    const std::pair<EVT_LOG_PROPERTY_ID, std::uint64_t*> wanted[] = {
        {EvtLogOldestRecordNumber, &info.oldest_record_id},
        {EvtLogNumberOfLogRecords, &info.records},
        {EvtLogCreationTime, &info.created}};
    for (const auto& [property, value] : wanted) {
      EVT_VARIANT variant{};
      DWORD used = 0;
      if (api_.get_log_info(log.get(), property, sizeof variant, &variant, &used) == FALSE) {
        return last_error();
      }
      *value = variant.UInt64Val;  // a FILETIME is the same bytes
    }
    return info;
  }

  std::string folder() override {
    const EvtHandle config =
        own(api_.open_channel_config(nullptr, to_wide(kEventLogChannel).c_str(), 0));
    if (!config) return {};
    std::vector<EVT_VARIANT> buffer(64);
    DWORD used = 0;
    if (api_.get_channel_config_property(config.get(), EvtChannelLoggingConfigLogFilePath, 0,
                                         static_cast<DWORD>(buffer.size() * sizeof(EVT_VARIANT)),
                                         buffer.data(), &used) == FALSE ||
        buffer[0].Type != EvtVarTypeString) {
      return {};
    }
    std::array<wchar_t, 1024> path{};
    const DWORD size = ExpandEnvironmentStringsW(buffer[0].StringVal, path.data(),
                                                 static_cast<DWORD>(path.size()));
    if (size == 0 || size > path.size()) return {};
    const std::wstring whole(path.data());
    return to_utf8(whole.substr(0, whole.find_last_of(L"\\/")));
  }

 private:
  EvtHandle own(EVT_HANDLE handle) const { return {handle, EvtCloser{api_.close}}; }

  const Wevtapi api_;
  EvtHandle context_;  // the paths are the same every time
};

}  // namespace

Result<std::unique_ptr<EventLogApi>> open_event_log() {
  Wevtapi api;
  if (const DWORD code = api.load(); code != 0) {
    return make_error(ErrorCode::kIo, "wevtapi.dll of the system cannot be used (Windows error " +
                                          std::to_string(code) + ")");
  }
  enable_security_privilege();
  return std::make_unique<WindowsEventLog>(api);
}

}  // namespace blockwatch
