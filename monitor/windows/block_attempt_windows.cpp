#include "monitor/block_attempt.h"

#include <winsock2.h>
// Before windows.h, and that before the others.
#include <windows.h>
// After these.
#include <fwpmu.h>

#include <array>
#include <memory>
#include <string>

#include "monitor/netevent_api.h"
#include "monitor/windows/system_library.h"

namespace blockwatch {
namespace {

// FWPM_LAYER_ALE_AUTH_CONNECT_V4, FWPM_CONDITION_IP_REMOTE_ADDRESS and
// FWPM_CONDITION_IP_REMOTE_PORT of fwpmu.h, which mingw's lacks.
constexpr GUID kConnectLayer{
    0xC38D57D1, 0x05A7, 0x4C33, {0x90, 0x4F, 0x7F, 0xBC, 0xEE, 0xE6, 0x0E, 0x82}};
constexpr GUID kRemoteAddress{
    0xB235AE9A, 0x1D64, 0x49B8, {0xA4, 0x4C, 0x5F, 0xF3, 0xD9, 0x09, 0x50, 0x45}};
constexpr GUID kRemotePort{
    0xC35A604D, 0xD22B, 0x4E1A, {0x91, 0xB4, 0x68, 0xF6, 0x74, 0xEE, 0x67, 0x4B}};
constexpr UINT32 kDynamicSession = 1;  // FWPM_SESSION_FLAG_DYNAMIC

class DynamicFilter {
 public:
  DynamicFilter() = default;
  DynamicFilter(const DynamicFilter&) = delete;
  DynamicFilter& operator=(const DynamicFilter&) = delete;
  ~DynamicFilter() {
    if (engine_ != nullptr) close_(engine_);
  }

  // 0, or the Windows error.
  DWORD add(std::uint16_t port, std::uint64_t& id) {
    const HMODULE library = load_from_system(L"fwpuclnt.dll");
    if (library == nullptr) return GetLastError();
    decltype(&::FwpmEngineOpen0) open = nullptr;
    decltype(&::FwpmFilterAdd0) add_filter = nullptr;
    if (!find_function(library, "FwpmEngineOpen0", open) ||
        !find_function(library, "FwpmEngineClose0", close_) ||
        !find_function(library, "FwpmFilterAdd0", add_filter)) {
      return ERROR_PROC_NOT_FOUND;
    }
    FWPM_SESSION0 session{};
    session.flags = kDynamicSession;
    if (const DWORD error = open(nullptr, RPC_C_AUTHN_WINNT, nullptr, &session, &engine_);
        error != 0) {
      engine_ = nullptr;
      return error;
    }
    std::array<FWPM_FILTER_CONDITION0, 2> conditions{};
    conditions[0].fieldKey = kRemoteAddress;
    conditions[0].matchType = FWP_MATCH_EQUAL;
    conditions[0].conditionValue.type = FWP_UINT32;
    conditions[0].conditionValue.uint32 = INADDR_LOOPBACK;
    conditions[1].fieldKey = kRemotePort;
    conditions[1].matchType = FWP_MATCH_EQUAL;
    conditions[1].conditionValue.type = FWP_UINT16;
    conditions[1].conditionValue.uint16 = port;
    std::wstring name = L"Blockwatch self-test";
    FWPM_FILTER0 filter{};
    filter.displayData.name = name.data();
    filter.layerKey = kConnectLayer;
    filter.action.type = FWP_ACTION_BLOCK;
    filter.weight.type = FWP_EMPTY;
    filter.numFilterConditions = static_cast<UINT32>(conditions.size());
    filter.filterCondition = conditions.data();
    return add_filter(engine_, &filter, nullptr, &id);
  }

 private:
  HANDLE engine_ = nullptr;
  decltype(&::FwpmEngineClose0) close_ = nullptr;
};

class TcpSocket {
 public:
  TcpSocket() : handle_(socket(AF_INET, SOCK_STREAM, IPPROTO_TCP)) {}
  TcpSocket(const TcpSocket&) = delete;
  TcpSocket& operator=(const TcpSocket&) = delete;
  ~TcpSocket() { closesocket(handle_); }
  SOCKET handle() const { return handle_; }

 private:
  SOCKET handle_;
};

struct Winsock {
  Winsock() { WSAStartup(MAKEWORD(2, 2), &data); }
  Winsock(const Winsock&) = delete;
  Winsock& operator=(const Winsock&) = delete;
  ~Winsock() { WSACleanup(); }
  WSADATA data{};
};

}  // namespace

Result<BlockAttempt> attempt_blocked_connection() {
  const Winsock winsock;
  BlockAttempt attempt;
  // Bound and not listened on: nobody else gets the port, and nobody answers there.
  const TcpSocket place;
  sockaddr_in address{};
  int size = sizeof(address);
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(place.handle(), reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      getsockname(place.handle(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    return make_error(ErrorCode::kIo, "no port is free on 127.0.0.1");
  }
  attempt.port = ntohs(address.sin_port);
  DynamicFilter filter;
  if (const DWORD error = filter.add(attempt.port, attempt.filter_id); error != 0) {
    return tl::unexpected(engine_failure("add a filter to the filtering engine", error));
  }
  const TcpSocket client;
  attempt.made = now();
  if (connect(client.handle(), reinterpret_cast<sockaddr*>(&address), size) != 0) {
    attempt.error = static_cast<std::uint32_t>(WSAGetLastError());
  }
  attempt.was_blocked = attempt.error == WSAEACCES;
  return attempt;
}

}  // namespace blockwatch
