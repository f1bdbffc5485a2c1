// The net events of the false fwpuclnt.dll. What happens is told by lines of the file that
// FAKE_NET_EVENTS names; more may be added while it runs:
//
//   drop TIME COUNT PORT         connections are blocked at TIME (FILETIME), one tick apart, to
//                                PORT and the ports after it
//   drop6, capability, other     the same over IPv6 inbound, for a capability that is missing, of
//                                another kind
//   restart                      the service: sessions die in silence, what was held is gone
//   collect 0                    net events are switched off; collect 1: on
//
// The engine holds the last 150. Built with OLD_NET_EVENTS it has the functions of Windows 7 only.

#include <windows.h>
// After windows.h. Its declarations of two that are defined here have other structures.
#define FwpmNetEventEnum1 DeclaredEnum1
#define FwpmNetEventSubscribe0 DeclaredSubscribe0
#include <fwpmu.h>
#undef FwpmNetEventEnum1
#undef FwpmNetEventSubscribe0

#include <array>
#include <atomic>
#include <cstdio>
#include <cwchar>
#include <deque>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "tests/windows/fake_fwpuclnt.h"

namespace {

// Written down from Microsoft's pages once more, so that a mistake of the product's shows.
struct FwpmNetEventHeader3 {
  FILETIME timeStamp;
  UINT32 flags;
  FWP_IP_VERSION ipVersion;
  UINT8 ipProtocol;
  union {
    UINT32 localAddrV4;
    FWP_BYTE_ARRAY16 localAddrV6;
  };
  union {
    UINT32 remoteAddrV4;
    FWP_BYTE_ARRAY16 remoteAddrV6;
  };
  UINT16 localPort;
  UINT16 remotePort;
  UINT32 scopeId;
  FWP_BYTE_BLOB appId;
  SID* userId;
  FWP_AF addressFamily;
  SID* packageSid;
  wchar_t* enterpriseId;
  UINT64 policyFlags;
  FWP_BYTE_BLOB effectiveName;
};
struct ClassifyDrop2 {
  UINT64 filterId;
  UINT16 layerId;
  UINT32 reauthReason;
  UINT32 originalProfile;
  UINT32 currentProfile;
  UINT32 msFwpDirection;
  BOOL isLoopback;
  FWP_BYTE_BLOB vSwitchId;
  UINT32 vSwitchSourcePort;
  UINT32 vSwitchDestinationPort;
};
struct CapabilityDrop0 {
  int networkCapabilityId;
  UINT64 filterId;
  BOOL isLoopback;
};
#ifdef OLD_NET_EVENTS
using Header = FWPM_NET_EVENT_HEADER1;
#define SUBSCRIBE FwpmNetEventSubscribe0
#define ENUMERATE FwpmNetEventEnum1
#else
using Header = FwpmNetEventHeader3;
#define SUBSCRIBE FwpmNetEventSubscribe4
#define ENUMERATE FwpmNetEventEnum5
#endif
struct FwpmNetEvent {
  Header header;
  UINT32 type;
  void* detail;
};
using Callback = void(CALLBACK*)(void*, const FwpmNetEvent*);

struct Line {
  std::string kind;
  UINT64 time = 0;
  UINT16 port = 0;
};

// One event with all it points to.
class Event {
 public:
  explicit Event(const Line& line) {
    FwpmNetEvent& e = value_;
    e.header.timeStamp = {static_cast<DWORD>(line.time), static_cast<DWORD>(line.time >> 32)};
    if (line.kind == "other") return;  // 0: of IKE
    e.header.flags = 0x1 | 0x2 | 0x4 | 0x8 | 0x10 | 0x20 | 0x40 | 0x100;
    e.header.ipProtocol = 6;
    e.header.localPort = 50'000;
    e.header.remotePort = line.port;
    e.header.appId.data = reinterpret_cast<UINT8*>(app_.data());
    e.header.appId.size = static_cast<UINT32>((app_.size() + 1) * sizeof(wchar_t));
    DWORD size = sizeof(user_);
    CreateWellKnownSid(WinLocalSystemSid, nullptr, user_.data(), &size);
    e.header.userId = reinterpret_cast<SID*>(user_.data());
    e.header.ipVersion = FWP_IP_VERSION_V4;
    e.header.localAddrV4 = 0xC0A80114;   // 192.168.1.20
    e.header.remoteAddrV4 = 0xC6336407;  // 198.51.100.7
    if (line.kind == "capability") {
      e.type = 7;
      e.detail = &capability_;
      return;
    }
    e.type = 3;
    e.detail = &drop_;
    if (line.kind != "drop6") return;
    e.header.ipVersion = FWP_IP_VERSION_V6;
    e.header.localAddrV6 = {{0xFE, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
    e.header.remoteAddrV6 = {{0x20, 1, 0xD, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7}};
    drop_.layerId = 46;
    drop_.msFwpDirection = 0x3900;
  }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  FwpmNetEvent* value() { return &value_; }

 private:
  FwpmNetEvent value_{};
  std::wstring app_ = L"\\device\\harddiskvolume9\\app.exe";
  std::array<BYTE, SECURITY_MAX_SID_SIZE> user_{};
  ClassifyDrop2 drop_{70001, 48, 0, 1, 1, 0x3901, FALSE, {}, 0, 0};
  CapabilityDrop0 capability_{0, 70001, FALSE};
};

class Engine {
 public:
  // Reads what is new in the file.
  void look() {
    std::lock_guard lock(mutex_);
    std::array<wchar_t, 1024> path{};
    if (GetEnvironmentVariableW(L"FAKE_NET_EVENTS", path.data(), static_cast<DWORD>(path.size())) ==
        0) {
      return;
    }
    std::FILE* file = _wfopen(path.data(), L"rb");
    if (file == nullptr) return;
    std::fseek(file, read_, SEEK_SET);
    std::array<char, 256> line{};
    while (std::fgets(line.data(), static_cast<int>(line.size()), file) != nullptr) {
      const std::string text(line.data());
      if (!text.ends_with('\n')) break;  // not yet whole
      read_ += static_cast<long>(text.size());
      obey(text);
    }
    std::fclose(file);
  }

  void subscribe(Callback callback, void* context) {
    std::lock_guard lock(mutex_);
    callback_ = callback;
    context_ = context;
    if (!thread_.joinable()) {
      thread_ = std::jthread([this](const std::stop_token& stop) {
        while (!stop.stop_requested()) {
          look();
          Sleep(5);
        }
      });
      thread_.detach();  // as long as the program lives
    }
  }
  void unsubscribe() {
    std::lock_guard lock(mutex_);
    callback_ = nullptr;
  }

  bool collects() {
    std::lock_guard lock(mutex_);
    return collects_;
  }

  // From `from` on, at most so many.
  std::vector<Line> held(std::size_t from, std::size_t most) {
    std::lock_guard lock(mutex_);
    std::vector<Line> lines;
    while (from < held_.size() && lines.size() < most) lines.push_back(held_[from++]);
    return lines;
  }

 private:
  void obey(const std::string& text) {
    std::istringstream words(text);
    Line line;
    UINT64 count = 0;
    words >> line.kind;
    if (line.kind == "restart") {
      restart_fake_engine();
      callback_ = nullptr;
      held_.clear();
    } else if (line.kind == "collect") {
      words >> collects_;
    } else {
      for (words >> line.time >> count >> line.port; count > 0; --count) {
        happen(line);
        ++line.time;
        ++line.port;
      }
    }
  }

  void happen(const Line& line) {
    held_.push_back(line);
    if (held_.size() > 150) held_.pop_front();
    if (callback_ != nullptr) callback_(context_, Event(line).value());
  }

  std::mutex mutex_;
  long read_ = 0;
  std::deque<Line> held_;
  bool collects_ = true;
  Callback callback_ = nullptr;
  void* context_ = nullptr;
  std::jthread thread_;
};

Engine& engine_of_events() {
  static Engine* const kEngine = new Engine;  // its thread does not end before the program
  return *kEngine;
}

std::atomic<std::size_t> next_held{0};

// What FwpmFreeMemory0 takes for one of its own is allocated by new; what it points to stays, as
// with a test it may.
template <class T>
T* allocate(std::size_t size) {
  return static_cast<T*>(::operator new(size));
}

}  // namespace

// NOLINTBEGIN(readability-identifier-naming): names of Windows
extern "C" {

__declspec(dllexport) DWORD WINAPI SUBSCRIBE(HANDLE engine, const FWPM_NET_EVENT_SUBSCRIPTION0*,
                                             Callback callback, void* context, HANDLE* handle) {
  engine_of_events().look();
  if (const DWORD error = fake_error_of(L"FwpmNetEventSubscribe", engine); error != 0) return error;
  engine_of_events().subscribe(callback, context);
  *handle = engine;
  return 0;
}

__declspec(dllexport) DWORD WINAPI FwpmNetEventUnsubscribe0(HANDLE engine, HANDLE /*handle*/) {
  if (engine == fake_engine()) engine_of_events().unsubscribe();
  return 0;
}

__declspec(dllexport) DWORD WINAPI
    FwpmEngineGetOption0(HANDLE engine, FWPM_ENGINE_OPTION /*option*/, FWP_VALUE0** value) {
  engine_of_events().look();
  if (const DWORD error = fake_error_of(L"FwpmEngineGetOption0", engine); error != 0) return error;
  *value = allocate<FWP_VALUE0>(sizeof(FWP_VALUE0));
  (*value)->type = FWP_UINT32;
  (*value)->uint32 = engine_of_events().collects() ? 1 : 0;
  return 0;
}

__declspec(dllexport) DWORD WINAPI
    FwpmNetEventCreateEnumHandle0(HANDLE engine, const FWPM_NET_EVENT_ENUM_TEMPLATE0*,
                                  HANDLE* handle) {
  engine_of_events().look();
  if (const DWORD error = fake_error_of(L"FwpmNetEventCreateEnumHandle0", engine); error != 0) {
    return error;
  }
  next_held = 0;
  *handle = engine;
  return 0;
}

__declspec(dllexport) DWORD WINAPI FwpmNetEventDestroyEnumHandle0(HANDLE, HANDLE) { return 0; }

__declspec(dllexport) DWORD WINAPI
    ENUMERATE(HANDLE engine, HANDLE, UINT32 most, FwpmNetEvent*** entries, UINT32* count) {
  if (const DWORD error = fake_error_of(L"FwpmNetEventEnum", engine); error != 0) return error;
  const auto lines = engine_of_events().held(next_held, most);
  next_held += lines.size();
  *count = static_cast<UINT32>(lines.size());
  *entries = allocate<FwpmNetEvent*>((lines.size() + 1) * sizeof(FwpmNetEvent*));
  for (std::size_t i = 0; i < lines.size(); ++i) (*entries)[i] = (new Event(lines[i]))->value();
  return 0;
}

}  // extern "C"
// NOLINTEND(readability-identifier-naming)
