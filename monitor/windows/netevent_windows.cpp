// NetEventApi over fwpuclnt.dll. No decisions here, only calls and conversions.

#include <windows.h>
// After windows.h.
#include <fwpmu.h>

#include <array>
#include <cstddef>
#include <cstring>
#include <mutex>
#include <utility>

#include "monitor/netevent_api.h"
#include "monitor/windows/system_library.h"

namespace blockwatch {
namespace {

// Headers of later versions begin like the first, and only they have names in every SDK. What
// mingw's header says of these is what Windows' own says (64 bit).
struct Header2 {
  FWPM_NET_EVENT_HEADER0 common;
  FWP_AF address_family;
  SID* package_sid;
};
struct Header3 {
  Header2 common;
  wchar_t* enterprise_id;
  UINT64 policy_flags;
  FWP_BYTE_BLOB effective_name;
};
template <class Header>
struct VersionedEvent {
  Header header;
  std::uint32_t type;
  void* detail;
};
struct CapabilityDrop {
  std::uint32_t capability;
  UINT64 filter_id;
  BOOL is_loopback;
};
constexpr bool k64 = sizeof(void*) == 8;
static_assert(!k64 || sizeof(FWPM_NET_EVENT_HEADER0) == 88);
static_assert(!k64 || offsetof(FWPM_NET_EVENT_HEADER0, appId) == 64);
static_assert(!k64 || sizeof(FWPM_NET_EVENT_HEADER1) == 144);
static_assert(!k64 || sizeof(Header2) == 104);
static_assert(!k64 || sizeof(Header3) == 136);
static_assert(!k64 || offsetof(FWPM_NET_EVENT1, classifyDrop) == 152);
static_assert(!k64 || offsetof(VersionedEvent<FWPM_NET_EVENT_HEADER1>, detail) == 152);
static_assert(!k64 || offsetof(FWPM_NET_EVENT_CLASSIFY_DROP1, isLoopback) == 28);

std::string bytes_of(const void* bytes, std::size_t size) {
  return bytes == nullptr ? std::string() : std::string(static_cast<const char*>(bytes), size);
}

std::string bytes_of(SID* sid) {
  return sid == nullptr || IsValidSid(sid) == FALSE ? std::string()
                                                    : bytes_of(sid, GetLengthSid(sid));
}

template <class To, class From>
void copy_address(To& to, const From& v6) {
  static_assert(sizeof(to.v6) == sizeof(v6.byteArray16));
  std::memcpy(to.v6.data(), v6.byteArray16, to.v6.size());
}

const FWPM_NET_EVENT_HEADER0& common(const FWPM_NET_EVENT_HEADER1& header) {
  return reinterpret_cast<const FWPM_NET_EVENT_HEADER0&>(header);
}
const FWPM_NET_EVENT_HEADER0& common(const Header2& header) { return header.common; }
const FWPM_NET_EVENT_HEADER0& common(const Header3& header) { return header.common.common; }
SID* package_of(const FWPM_NET_EVENT_HEADER1& /*header*/) { return nullptr; }
SID* package_of(const Header2& header) { return header.package_sid; }
SID* package_of(const Header3& header) { return header.common.package_sid; }

template <class Header>
NetEvent convert(const void* place) {
  const auto& event = *static_cast<const VersionedEvent<Header>*>(place);
  const FWPM_NET_EVENT_HEADER0& header = common(event.header);
  NetEvent out;
  out.time = std::uint64_t{header.timeStamp.dwHighDateTime} << 32 | header.timeStamp.dwLowDateTime;
  out.type = static_cast<NetEventType>(event.type);
  if (!is_drop(out.type)) return out;
  out.flags = header.flags;
  out.ip_version = static_cast<std::uint32_t>(header.ipVersion);
  out.protocol = header.ipProtocol;
  if (out.ip_version == FWP_IP_VERSION_V4) {
    out.local.v4 = header.localAddrV4;
    out.remote.v4 = header.remoteAddrV4;
  } else {
    copy_address(out.local, header.localAddrV6);
    copy_address(out.remote, header.remoteAddrV6);
  }
  out.local_port = header.localPort;
  out.remote_port = header.remotePort;
  out.scope_id = header.scopeId;
  out.app_id = bytes_of(header.appId.data, header.appId.size);
  out.user_id = bytes_of(header.userId);
  out.package_id = bytes_of(package_of(event.header));
  if (event.detail == nullptr) return out;
  if (out.type == NetEventType::kCapabilityDrop) {
    const auto& drop = *static_cast<const CapabilityDrop*>(event.detail);
    out.capability = drop.capability;
    out.filter_id = drop.filter_id;
    out.is_loopback = drop.is_loopback != FALSE;
  } else {
    const auto& drop = *static_cast<const FWPM_NET_EVENT_CLASSIFY_DROP1*>(event.detail);
    out.filter_id = drop.filterId;
    out.layer_id = drop.layerId;
    out.reauth_reason = drop.reauthReason;
    out.original_profile = drop.originalProfile;
    out.current_profile = drop.currentProfile;
    out.direction = drop.msFwpDirection;
    out.is_loopback = drop.isLoopback != FALSE;
  }
  return out;
}

// Where callbacks go. It outlives the session: whether one may still come after the end of a
// subscription is not documented.
class Target {
 public:
  void set(NetEventApi::Sink sink) {
    std::lock_guard lock(mutex_);
    sink_ = std::move(sink);
  }
  void take(NetEvent&& event) {
    std::lock_guard lock(mutex_);
    if (sink_) sink_(std::move(event));
  }

 private:
  std::mutex mutex_;
  NetEventApi::Sink sink_;  // guarded by mutex_
};

using Convert = NetEvent (*)(const void*);
using Callback = void(CALLBACK*)(void*, const void*);

template <class Header>
void CALLBACK on_event(void* target, const void* event) noexcept {
  static_cast<Target*>(target)->take(convert<Header>(event));
}

// The newest first. Those with the same header differ in events that tell of no drop.
struct Version {
  const char* subscribe;
  const char* enumerate;
  Convert convert;
  Callback callback;
};
constexpr Version kVersions[] = {
    {"FwpmNetEventSubscribe4", "FwpmNetEventEnum5", convert<Header3>, on_event<Header3>},
    {"FwpmNetEventSubscribe3", "FwpmNetEventEnum4", convert<Header3>, on_event<Header3>},
    {"FwpmNetEventSubscribe2", "FwpmNetEventEnum3", convert<Header3>, on_event<Header3>},
    {"FwpmNetEventSubscribe1", "FwpmNetEventEnum2", convert<Header2>, on_event<Header2>},
    {"FwpmNetEventSubscribe0", "FwpmNetEventEnum1", convert<FWPM_NET_EVENT_HEADER1>,
     on_event<FWPM_NET_EVENT_HEADER1>},
};

struct Fwpuclnt {
  decltype(&::FwpmEngineOpen0) open = nullptr;
  decltype(&::FwpmEngineClose0) close = nullptr;
  decltype(&::FwpmEngineGetOption0) get_option = nullptr;
  decltype(&::FwpmNetEventUnsubscribe0) unsubscribe = nullptr;
  decltype(&::FwpmNetEventCreateEnumHandle0) create_enum = nullptr;
  decltype(&::FwpmNetEventDestroyEnumHandle0) destroy_enum = nullptr;
  decltype(&::FwpmFreeMemory0) free = nullptr;
  DWORD(WINAPI* subscribe)
  (HANDLE, const FWPM_NET_EVENT_SUBSCRIPTION0*, Callback, void*, HANDLE*) = nullptr;
  DWORD(WINAPI* enumerate)(HANDLE, HANDLE, UINT32, void***, UINT32*) = nullptr;
  const Version* version = nullptr;

  // 0, or the Windows error.
  DWORD load() {
    const HMODULE library = load_from_system(L"fwpuclnt.dll");
    if (library == nullptr) return GetLastError();
    const bool all = find_function(library, "FwpmEngineOpen0", open) &&
                     find_function(library, "FwpmEngineClose0", close) &&
                     find_function(library, "FwpmEngineGetOption0", get_option) &&
                     find_function(library, "FwpmNetEventUnsubscribe0", unsubscribe) &&
                     find_function(library, "FwpmNetEventCreateEnumHandle0", create_enum) &&
                     find_function(library, "FwpmNetEventDestroyEnumHandle0", destroy_enum) &&
                     find_function(library, "FwpmFreeMemory0", free);
    for (const Version& candidate : kVersions) {
      if (find_function(library, candidate.subscribe, subscribe) &&
          find_function(library, candidate.enumerate, enumerate)) {
        version = &candidate;
        break;
      }
    }
    return all && version != nullptr ? 0 : ERROR_PROC_NOT_FOUND;
  }
};

class WindowsSession final : public NetEventSession {
 public:
  WindowsSession(const Fwpuclnt& api, Target& target) : api_(api), target_(target) {}
  WindowsSession(const WindowsSession&) = delete;
  WindowsSession& operator=(const WindowsSession&) = delete;
  ~WindowsSession() override {
    if (subscription_ != nullptr) api_.unsubscribe(engine_, subscription_);
    if (engine_ != nullptr) api_.close(engine_);
    target_.set({});
  }

  DWORD open() {
    if (const DWORD error = api_.open(nullptr, RPC_C_AUTHN_WINNT, nullptr, nullptr, &engine_);
        error != 0) {
      engine_ = nullptr;
      return error;
    }
    const FWPM_NET_EVENT_SUBSCRIPTION0 all{};
    const DWORD error =
        api_.subscribe(engine_, &all, api_.version->callback, &target_, &subscription_);
    if (error != 0) subscription_ = nullptr;
    return error;
  }

  EngineResult<bool> collecting() override {
    FWP_VALUE0* value = nullptr;
    if (const DWORD error = api_.get_option(engine_, FWPM_ENGINE_COLLECT_NET_EVENTS, &value);
        error != 0) {
      return tl::make_unexpected(std::uint32_t{error});
    }
    const bool collecting = value->uint32 != 0;
    release(value);
    return collecting;
  }

  EngineResult<std::vector<NetEvent>> held() override {
    HANDLE handle = nullptr;
    if (const DWORD error = api_.create_enum(engine_, nullptr, &handle); error != 0) {
      return tl::make_unexpected(std::uint32_t{error});
    }
    constexpr UINT32 kAtOnce = 500;
    EngineResult<std::vector<NetEvent>> events;
    UINT32 count = kAtOnce;
    while (count == kAtOnce) {
      void** page = nullptr;
      count = 0;
      if (const DWORD error = api_.enumerate(engine_, handle, kAtOnce, &page, &count); error != 0) {
        events = tl::make_unexpected(std::uint32_t{error});
        break;
      }
      for (UINT32 i = 0; i < count; ++i) events->push_back(api_.version->convert(page[i]));
      release(page);
    }
    api_.destroy_enum(engine_, handle);
    return events;
  }

 private:
  template <class T>
  void release(T* memory) {
    void* untyped = memory;
    api_.free(&untyped);
  }

  const Fwpuclnt& api_;
  Target& target_;
  HANDLE engine_ = nullptr;
  HANDLE subscription_ = nullptr;
};

class WindowsNetEvents final : public NetEventApi {
 public:
  explicit WindowsNetEvents(const Fwpuclnt& api) : api_(api) {}

  EngineResult<std::unique_ptr<NetEventSession>> open(Sink sink) override {
    auto session = std::make_unique<WindowsSession>(api_, target_);
    target_.set(std::move(sink));
    if (const DWORD error = session->open(); error != 0) {
      return tl::make_unexpected(std::uint32_t{error});
    }
    return session;
  }

  std::string host() override {
    std::array<wchar_t, 256> name{};
    auto size = static_cast<DWORD>(name.size());
    if (GetComputerNameExW(ComputerNameDnsFullyQualified, name.data(), &size) == FALSE) return {};
    std::array<char, 768> utf8{};  // three bytes for a unit
    WideCharToMultiByte(CP_UTF8, 0, name.data(), -1, utf8.data(), static_cast<int>(utf8.size()),
                        nullptr, nullptr);
    return utf8.data();
  }

 private:
  const Fwpuclnt api_;
  Target target_;
};

}  // namespace

Result<std::unique_ptr<NetEventApi>> open_net_events() {
  Fwpuclnt api;
  if (const DWORD code = api.load(); code != 0) {
    return make_error(ErrorCode::kIo, "fwpuclnt.dll of the system cannot be used (Windows error " +
                                          std::to_string(code) + ")");
  }
  return std::make_unique<WindowsNetEvents>(api);
}

}  // namespace blockwatch
