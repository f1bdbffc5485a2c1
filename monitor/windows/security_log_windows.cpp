// SecurityLogApi over wevtapi.dll. No decisions here.

#include "monitor/security_log.h"
#include "monitor/windows/wevtapi.h"

namespace blockwatch {
namespace {

constexpr const wchar_t* kChannel = L"Security";
constexpr DWORD kPatienceMs = 10'000;

class SecurityLogReader {
 public:
  explicit SecurityLogReader(const Wevtapi& api) : api_(api) {}

  std::optional<SecurityLogApi::State> state() const {
    const EvtHandle log = own(api_.open_log(nullptr, kChannel, EvtOpenChannelPath));
    if (!log) return std::nullopt;
    const EvtHandle config = own(api_.open_channel_config(nullptr, kChannel, 0));
    if (!config) return std::nullopt;
    const auto bytes = info(log.get(), EvtLogFileSize);
    const auto records = info(log.get(), EvtLogNumberOfLogRecords);
    const auto most = setting(config.get(), EvtChannelLoggingConfigMaxSize);
    const auto retention = setting(config.get(), EvtChannelLoggingConfigRetention);
    const auto backup = setting(config.get(), EvtChannelLoggingConfigAutoBackup);
    if (!bytes || !records || !most || !retention || !backup) return std::nullopt;
    WhenFull when_full = WhenFull::kOverwrite;
    if (retention->BooleanVal != FALSE) {
      when_full = backup->BooleanVal != FALSE ? WhenFull::kArchive : WhenFull::kStop;
    }
    return SecurityLogApi::State{bytes->UInt64Val, most->UInt64Val, records->UInt64Val, when_full};
  }

  std::optional<Timestamp> time_of(std::uint64_t back) const {
    const EvtHandle found =
        own(api_.query(nullptr, kChannel, L"*", EvtQueryChannelPath | EvtQueryReverseDirection));
    if (!found ||
        !api_.seek(found.get(), static_cast<LONGLONG>(back), nullptr, 0, EvtSeekRelativeToFirst)) {
      return std::nullopt;
    }
    EVT_HANDLE raw = nullptr;
    DWORD count = 0;
    if (!api_.next(found.get(), 1, &raw, kPatienceMs, 0, &count) || count == 0) return std::nullopt;
    const EvtHandle event = own(raw);
    LPCWSTR path = L"Event/System/TimeCreated/@SystemTime";
    const EvtHandle context = own(api_.create_render_context(1, &path, EvtRenderContextValues));
    EVT_VARIANT time{};
    DWORD used = 0;
    if (!context || !api_.render(context.get(), event.get(), EvtRenderEventValues, sizeof time,
                                 &time, &used, &count)) {
      return std::nullopt;
    }
    return from_filetime(time.FileTimeVal);
  }

 private:
  EvtHandle own(EVT_HANDLE handle) const { return {handle, EvtCloser{api_.close}}; }

  std::optional<EVT_VARIANT> info(EVT_HANDLE log, EVT_LOG_PROPERTY_ID property) const {
    EVT_VARIANT value{};
    DWORD used = 0;
    if (!api_.get_log_info(log, property, sizeof value, &value, &used)) return std::nullopt;
    return value;
  }

  std::optional<EVT_VARIANT> setting(EVT_HANDLE config,
                                     EVT_CHANNEL_CONFIG_PROPERTY_ID property) const {
    EVT_VARIANT value{};
    DWORD used = 0;
    if (!api_.get_channel_config_property(config, property, 0, sizeof value, &value, &used)) {
      return std::nullopt;
    }
    return value;
  }

  const Wevtapi api_;
};

}  // namespace

SecurityLogApi system_security_log() {
  Wevtapi functions;
  if (functions.load() != 0) return {};
  const SecurityLogReader reader(functions);
  return {[reader] { return reader.state(); },
          [reader](std::uint64_t back) { return reader.time_of(back); }};
}

}  // namespace blockwatch
