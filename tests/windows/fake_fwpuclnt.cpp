// A fwpuclnt.dll with filters of a table: tab-separated lines in the file that FAKE_FWPUCLNT names.
// It is read anew for every question.
//
//   filter    ID    NAME    PROVIDER KEY or -
//   provider  KEY   NAME
//   layer     ID    NAME
//   error     FUNCTION      NUMBER            what the function answers, whatever is asked
//
// Net events are in fake_net_events.cpp. A filter that is added is taken to block a connection at
// once: a record of it goes to the file that FAKE_EVENT_LOG names (see fake_log.h), a net event to
// that of FAKE_NET_EVENTS.

#include <windows.h>
// After windows.h.
#include <fwpmu.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cwchar>
#include <string>
#include <vector>

#include "tests/windows/fake_fwpuclnt.h"

namespace {

using Row = std::vector<std::wstring>;

std::atomic<int> memory_in_use{0};
std::atomic<int> engines_in_use{0};
std::atomic<std::uintptr_t> engine_number{0x5A5A};  // another one after a restart

std::wstring wide(const std::string& text) {
  std::wstring out(text.size(), L'\0');
  out.resize(static_cast<std::size_t>(MultiByteToWideChar(CP_UTF8, 0, text.data(),
                                                          static_cast<int>(text.size()), out.data(),
                                                          static_cast<int>(out.size()))));
  return out;
}

std::vector<Row> table() {
  std::array<wchar_t, 1024> path{};
  std::vector<Row> rows;
  if (GetEnvironmentVariableW(L"FAKE_FWPUCLNT", path.data(), static_cast<DWORD>(path.size())) == 0)
    return rows;
  std::FILE* file = _wfopen(path.data(), L"rb");
  if (file == nullptr) return rows;
  std::array<char, 4096> line{};
  while (std::fgets(line.data(), static_cast<int>(line.size()), file) != nullptr) {
    Row row(1);
    for (const wchar_t c : wide(line.data())) {
      if (c == L'\t') {
        row.emplace_back();
      } else if (c != L'\n' && c != L'\r') {
        row.back() += c;
      }
    }
    rows.push_back(std::move(row));
  }
  std::fclose(file);
  return rows;
}

// The row of this kind with this in its second column; empty when there is none.
Row row_of(const std::wstring& kind, const std::wstring& id) {
  for (const Row& row : table()) {
    if (row.size() > 2 && row[0] == kind && _wcsicmp(row[1].c_str(), id.c_str()) == 0) return row;
  }
  return {};
}

}  // namespace

HANDLE fake_engine() { return reinterpret_cast<HANDLE>(engine_number.load()); }
void restart_fake_engine() { ++engine_number; }

DWORD fake_error_of(const wchar_t* function, HANDLE engine) {
  if (engine != fake_engine()) return RPC_S_SERVER_UNAVAILABLE;
  const Row row = row_of(L"error", function);
  return row.empty() ? 0 : std::wcstoul(row[2].c_str(), nullptr, 0);
}

namespace {

std::wstring text_of(const GUID& key) {
  std::array<wchar_t, 40> text{};
  StringFromGUID2(key, text.data(), static_cast<int>(text.size()));
  return text.data();
}

void append_line(const wchar_t* variable, const std::string& line) {
  std::array<wchar_t, 1024> path{};
  GetEnvironmentVariableW(variable, path.data(), static_cast<DWORD>(path.size()));
  std::FILE* file = _wfopen(path.data(), L"ab");
  if (file == nullptr) return;
  std::fputs((line + '\n').c_str(), file);
  std::fclose(file);
}

// One object of Windows' making: the structure, and behind it what it points to.
template <class T>
struct Object {
  T value{};
  GUID key{};
  std::array<wchar_t, 256> name{};

  static Object* make(const std::wstring& display_name) {
    auto* object = new Object;
    ++memory_in_use;
    std::wcsncpy(object->name.data(), display_name.c_str(), object->name.size() - 1);
    object->value.displayData.name = object->name.data();
    return object;
  }
};

}  // namespace

// NOLINTBEGIN(readability-identifier-naming): names of Windows
extern "C" {

__declspec(dllexport) DWORD WINAPI
    FwpmEngineOpen0(const wchar_t*, UINT32, SEC_WINNT_AUTH_IDENTITY_W*, const FWPM_SESSION0*,
                    HANDLE* engine) {
  if (const DWORD error = fake_error_of(L"FwpmEngineOpen0", fake_engine()); error != 0)
    return error;
  ++engines_in_use;
  *engine = fake_engine();
  return 0;
}

__declspec(dllexport) DWORD WINAPI FwpmEngineClose0(HANDLE /*engine*/) {
  --engines_in_use;
  return 0;
}

__declspec(dllexport) DWORD WINAPI
    FwpmFilterGetById0(HANDLE engine, UINT64 id, FWPM_FILTER0** filter) {
  if (const DWORD error = fake_error_of(L"FwpmFilterGetById0", engine); error != 0) return error;
  const Row row = row_of(L"filter", std::to_wstring(id));
  if (row.size() < 4) return static_cast<DWORD>(FWP_E_FILTER_NOT_FOUND);
  auto* object = Object<FWPM_FILTER0>::make(row[2]);
  object->value.filterId = id;
  object->value.action.type = FWP_ACTION_BLOCK;
  if (CLSIDFromString(row[3].c_str(), &object->key) == NOERROR)
    object->value.providerKey = &object->key;
  *filter = &object->value;
  return 0;
}

__declspec(dllexport) DWORD WINAPI
    FwpmLayerGetById0(HANDLE engine, UINT16 id, FWPM_LAYER0** layer) {
  if (const DWORD error = fake_error_of(L"FwpmLayerGetById0", engine); error != 0) return error;
  const Row row = row_of(L"layer", std::to_wstring(id));
  if (row.empty()) return static_cast<DWORD>(FWP_E_LAYER_NOT_FOUND);
  *layer = &Object<FWPM_LAYER0>::make(row[2])->value;
  return 0;
}

__declspec(dllexport) DWORD WINAPI
    FwpmProviderGetByKey0(HANDLE engine, const GUID* key, FWPM_PROVIDER0** provider) {
  if (const DWORD error = fake_error_of(L"FwpmProviderGetByKey0", engine); error != 0) return error;
  const Row row = row_of(L"provider", text_of(*key));
  if (row.empty()) return static_cast<DWORD>(FWP_E_PROVIDER_NOT_FOUND);
  *provider = &Object<FWPM_PROVIDER0>::make(row[2])->value;
  return 0;
}

__declspec(dllexport) DWORD WINAPI
    FwpmFilterAdd0(HANDLE engine, const FWPM_FILTER0* filter, PSECURITY_DESCRIPTOR, UINT64* id) {
  if (const DWORD error = fake_error_of(L"FwpmFilterAdd0", engine); error != 0) return error;
  if (text_of(filter->layerKey) != L"{C38D57D1-05A7-4C33-904F-7FBCEEE60E82}" ||
      filter->action.type != FWP_ACTION_BLOCK || filter->numFilterConditions != 2 ||
      filter->filterCondition[0].conditionValue.uint32 != 0x7F000001) {
    return static_cast<DWORD>(FWP_E_INVALID_PARAMETER);
  }
  const std::string port = std::to_string(filter->filterCondition[1].conditionValue.uint16);
  FILETIME now{};
  GetSystemTimeAsFileTime(&now);
  append_line(L"FAKE_NET_EVENTS",
              "drop " +
                  std::to_string(std::uint64_t{now.dwHighDateTime} << 32 | now.dwLowDateTime) +
                  " 1 " + port);
  append_line(L"FAKE_EVENT_LOG",
              R"({"id":5157,"data":{"ProcessID":["u64",4],"Direction":["s","%%14593"],)"
              R"("SourceAddress":["s","127.0.0.1"],"SourcePort":["s","1"],)"
              R"("DestAddress":["s","127.0.0.1"],"DestPort":["s",")" +
                  port + R"("],"Protocol":["u32",6],"FilterRTID":["u64",70001]}})");
  *id = 70001;
  return 0;
}

// The structure stands at the beginning of its object, whose types differ in that alone and are
// freed alike.
__declspec(dllexport) void WINAPI FwpmFreeMemory0(void** memory) {
  if (memory == nullptr || *memory == nullptr) return;
  ::operator delete(*memory);
  *memory = nullptr;
  --memory_in_use;
}

// Objects that were not freed, and engines that were not closed.
__declspec(dllexport) int FakeFwpuclntInUse() { return memory_in_use + engines_in_use; }

}  // extern "C"
// NOLINTEND(readability-identifier-naming)
