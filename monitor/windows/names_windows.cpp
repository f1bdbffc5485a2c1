// Names that Windows has of drives, filters and services. Only conversions here: decisions are in
// monitor/names.

#include <windows.h>
// After windows.h.
#include <fwpmu.h>
#include <shlwapi.h>
#include <winsvc.h>

#include <array>
#include <cstddef>
#include <cstdio>
#include <string>
#include <vector>

#include "monitor/names/system_names.h"
#include "monitor/windows/system_library.h"

namespace blockwatch {
namespace {

// What mingw's header says of these is what Windows' own says (64 bit).
static_assert(sizeof(void*) != 8 || sizeof(FWPM_FILTER0) == 200);
static_assert(sizeof(void*) != 8 || offsetof(FWPM_FILTER0, action) == 128);
static_assert(sizeof(void*) != 8 || offsetof(FWPM_FILTER0, filterId) == 176);

std::string utf8(const wchar_t* text) {
  if (text == nullptr || *text == 0) return {};
  const int size = WideCharToMultiByte(CP_UTF8, 0, text, -1, nullptr, 0, nullptr, nullptr);
  if (size <= 0) return {};
  std::string out(static_cast<std::size_t>(size), '\0');
  WideCharToMultiByte(CP_UTF8, 0, text, -1, out.data(), size, nullptr, nullptr);
  out.pop_back();  // the terminator
  return out;
}

std::string guid_text(const GUID& guid) {
  std::array<char, 40> text{};
  const auto* d = guid.Data4;
  std::snprintf(text.data(), text.size(), "{%08lx-%04x-%04x-%02x%02x-%02x%02x%02x%02x%02x%02x}",
                static_cast<unsigned long>(guid.Data1), unsigned{guid.Data2}, unsigned{guid.Data3},
                unsigned{d[0]}, unsigned{d[1]}, unsigned{d[2]}, unsigned{d[3]}, unsigned{d[4]},
                unsigned{d[5]}, unsigned{d[6]}, unsigned{d[7]});
  return text.data();
}

Timestamp timestamp_of(const FILETIME& time) {
  return from_filetime(std::uint64_t{time.dwHighDateTime} << 32 | time.dwLowDateTime);
}

// A name may stand in a resource: "@FirewallAPI.dll,-25000" (FWPM_DISPLAY_DATA0). One on another
// computer is not fetched.
std::string display_name(const wchar_t* text) {
  using LoadText = decltype(&SHLoadIndirectString);
  static const LoadText kLoadText = [] {
    LoadText load = nullptr;
    const HMODULE library = load_from_system(L"shlwapi.dll");
    if (library != nullptr) find_function(library, "SHLoadIndirectString", load);
    return load;
  }();
  const bool is_here = text != nullptr && text[0] == L'@' && text[1] != L'\\' && text[1] != L'/';
  if (!is_here || kLoadText == nullptr) return utf8(text);
  std::array<wchar_t, 512> loaded{};
  const HRESULT result = kLoadText(text, loaded.data(), static_cast<UINT>(loaded.size()), nullptr);
  return utf8(result == S_OK && loaded[0] != 0 ? loaded.data() : text);
}

class FwpEngine final : public FilterEngine {
 public:
  FwpEngine() {
    library_ = load_from_system(L"fwpuclnt.dll");
    if (library_ == nullptr) {
      missing_ = GetLastError();
      return;
    }
    find(open_, "FwpmEngineOpen0");
    find(close_, "FwpmEngineClose0");
    find(filter_, "FwpmFilterGetById0");
    find(layer_, "FwpmLayerGetById0");
    find(provider_, "FwpmProviderGetByKey0");
    find(free_, "FwpmFreeMemory0");
  }
  FwpEngine(const FwpEngine&) = delete;
  FwpEngine& operator=(const FwpEngine&) = delete;
  ~FwpEngine() override { close(); }

  Answer<void> open() override {
    close();
    if (missing_ != 0) return tl::make_unexpected(missing_);
    const DWORD error = open_(nullptr, RPC_C_AUTHN_WINNT, nullptr, nullptr, &engine_);
    if (error == 0) return {};
    engine_ = nullptr;
    return tl::make_unexpected(std::uint32_t{error});
  }

  Answer<winlog::Filter> filter(std::uint64_t id) override {
    Answer<winlog::Filter> answer;
    FWPM_FILTER0* found = nullptr;
    if (const DWORD error = filter_(engine_, id, &found); error != 0) {
      return tl::make_unexpected(std::uint32_t{error});
    }
    answer->name = display_name(found->displayData.name);
    if (found->providerKey != nullptr) {
      answer->provider_key = guid_text(*found->providerKey);
      answer->provider = provider(*found->providerKey);
    }
    free(found);
    return answer;
  }

  Answer<std::string> layer(std::uint16_t id) override {
    FWPM_LAYER0* found = nullptr;
    if (const DWORD error = layer_(engine_, id, &found); error != 0) {
      return tl::make_unexpected(std::uint32_t{error});
    }
    std::string name = display_name(found->displayData.name);
    free(found);
    return name;
  }

 private:
  // Empty when it cannot be told: the filter can.
  std::string provider(const GUID& key) {
    FWPM_PROVIDER0* found = nullptr;
    if (provider_(engine_, &key, &found) != 0) return {};
    std::string name = display_name(found->displayData.name);
    free(found);
    return name;
  }

  template <class T>
  void free(T* memory) {
    auto* untyped = static_cast<void*>(memory);
    free_(&untyped);
  }

  void close() {
    if (engine_ != nullptr) close_(engine_);
    engine_ = nullptr;
  }

  template <class Function>
  void find(Function& function, const char* name) {
    if (!find_function(library_, name, function)) missing_ = ERROR_PROC_NOT_FOUND;
  }

  HMODULE library_ = nullptr;
  std::uint32_t missing_ = 0;  // why the table is not complete
  HANDLE engine_ = nullptr;
  decltype(&FwpmEngineOpen0) open_ = nullptr;
  decltype(&FwpmEngineClose0) close_ = nullptr;
  decltype(&FwpmFilterGetById0) filter_ = nullptr;
  decltype(&FwpmLayerGetById0) layer_ = nullptr;
  decltype(&FwpmProviderGetByKey0) provider_ = nullptr;
  decltype(&FwpmFreeMemory0) free_ = nullptr;
};

class WindowsServices final : public ServiceManager {
 public:
  std::vector<RunningService> services() override {
    std::vector<RunningService> result;
    SC_HANDLE const manager = OpenSCManagerW(nullptr, nullptr, SC_MANAGER_ENUMERATE_SERVICE);
    if (manager == nullptr) return result;
    // As many as fit at a time; `resume` tells where to go on.
    constexpr std::size_t kRoom = 1000;  // the names stand in it, too
    std::vector<ENUM_SERVICE_STATUS_PROCESSW> room(kRoom);
    DWORD resume = 0;
    bool more = true;
    while (more) {
      DWORD needed = 0;
      DWORD count = 0;
      const BOOL done = EnumServicesStatusExW(
          manager, SC_ENUM_PROCESS_INFO, SERVICE_WIN32, SERVICE_ACTIVE,
          reinterpret_cast<BYTE*>(room.data()),
          static_cast<DWORD>(room.size() * sizeof(ENUM_SERVICE_STATUS_PROCESSW)), &needed, &count,
          &resume, nullptr);
      more = done == 0 && GetLastError() == ERROR_MORE_DATA && count > 0;
      if (done == 0 && !more) break;
      for (DWORD i = 0; i < count; ++i) {
        const DWORD id = room[i].ServiceStatusProcess.dwProcessId;
        if (id != 0) result.push_back({id, utf8(room[i].lpServiceName)});
      }
    }
    CloseServiceHandle(manager);
    return result;
  }

  std::optional<Timestamp> started(std::uint32_t process_id) override {
    const HANDLE process = OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, FALSE, process_id);
    if (process == nullptr) return std::nullopt;
    FILETIME created{};
    FILETIME exited{};
    FILETIME kernel{};
    FILETIME user{};
    const BOOL read = GetProcessTimes(process, &created, &exited, &kernel, &user);
    CloseHandle(process);
    if (read == 0) return std::nullopt;
    return timestamp_of(created);
  }
};

std::vector<Volume> read_volumes() {
  std::vector<Volume> volumes;
  const DWORD drives = GetLogicalDrives();
  for (unsigned i = 0; i < 26; ++i) {
    if ((drives >> i & 1U) == 0) continue;
    const std::array<wchar_t, 3> drive{static_cast<wchar_t>(L'A' + i), L':', 0};
    // Several names may follow one another; the first is the one in force.
    std::array<wchar_t, 1024> device{};
    const DWORD size =
        QueryDosDeviceW(drive.data(), device.data(), static_cast<DWORD>(device.size()));
    if (size != 0) volumes.push_back({utf8(device.data()), utf8(drive.data())});
  }
  return volumes;
}

Timestamp windows_started() {
  constexpr std::int64_t kTicksPerMillisecond = Timestamp::kTicksPerSecond / 1000;
  return {now().ticks - static_cast<std::int64_t>(GetTickCount64()) * kTicksPerMillisecond};
}

}  // namespace

std::unique_ptr<NameResolver> system_names() {
  return make_system_names({.volumes = read_volumes,
                            .filters = std::make_unique<FwpEngine>(),
                            .services = std::make_unique<WindowsServices>(),
                            .started = windows_started});
}

}  // namespace blockwatch
