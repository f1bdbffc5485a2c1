// Facts of a running Windows. Only calls and conversions.

#include <winsock2.h>
// Before windows.h, and that before the others.
#include <windows.h>
#include <ws2ipdef.h>
// After these.
#include <iphlpapi.h>

#include <array>
#include <cstring>

#include "monitor/host_facts.h"
#include "monitor/windows/system_library.h"

namespace blockwatch {
namespace {

bool is_member_of(WELL_KNOWN_SID_TYPE group) {
  std::array<BYTE, SECURITY_MAX_SID_SIZE> sid{};
  auto size = static_cast<DWORD>(sid.size());
  BOOL member = FALSE;
  return CreateWellKnownSid(group, nullptr, sid.data(), &size) != FALSE &&
         CheckTokenMembership(nullptr, sid.data(), &member) != FALSE && member != FALSE;
}

AccountRights rights() {
  AccountRights rights;
  rights.event_log_reader = is_member_of(WinBuiltinEventLogReadersGroup);
  rights.network_operator = is_member_of(WinBuiltinNetworkConfigurationOperatorsSid);
  HANDLE token = nullptr;
  if (OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token) == FALSE) return rights;
  TOKEN_ELEVATION elevation{};
  DWORD size = 0;
  rights.elevated =
      GetTokenInformation(token, TokenElevation, &elevation, sizeof(elevation), &size) != FALSE &&
      elevation.TokenIsElevated != 0;
  LUID wanted{};
  std::array<std::uint64_t, 512> room{};  // of 8 bytes, for the alignment
  if (LookupPrivilegeValueW(nullptr, L"SeSecurityPrivilege", &wanted) != FALSE &&
      GetTokenInformation(token, TokenPrivileges, room.data(), sizeof(room), &size) != FALSE) {
    const auto* const held = reinterpret_cast<const TOKEN_PRIVILEGES*>(room.data());
    for (DWORD i = 0; i < held->PrivilegeCount; ++i) {
      const LUID luid = held->Privileges[i].Luid;
      if (luid.LowPart == wanted.LowPart && luid.HighPart == wanted.HighPart) {
        rights.has_security_privilege = true;
      }
    }
  }
  CloseHandle(token);
  return rights;
}

// GetVersionEx tells programs of old ones what they expect to hear.
std::string system_version() {
  LONG(WINAPI * get_version)(OSVERSIONINFOW*) = nullptr;
  OSVERSIONINFOW version{};
  version.dwOSVersionInfoSize = sizeof(version);
  if (!find_function(GetModuleHandleW(L"ntdll.dll"), "RtlGetVersion", get_version) ||
      get_version(&version) != 0) {
    return "Windows";
  }
  return "Windows " + std::to_string(version.dwMajorVersion) + '.' +
         std::to_string(version.dwMinorVersion) + '.' + std::to_string(version.dwBuildNumber);
}

std::vector<IpAddress> addresses() {
  std::vector<IpAddress> all;
  decltype(&::GetAdaptersAddresses) get = nullptr;
  const HMODULE library = load_from_system(L"iphlpapi.dll");
  if (library == nullptr || !find_function(library, "GetAdaptersAddresses", get)) return all;
  std::vector<std::uint64_t> room(8'192);  // of 8 bytes, for the alignment
  ULONG size = 0;
  ULONG error = ERROR_BUFFER_OVERFLOW;
  for (int attempt = 0; attempt < 3 && error == ERROR_BUFFER_OVERFLOW; ++attempt) {
    room.resize(std::max<std::size_t>(room.size(), size / sizeof(room[0]) + 1));
    size = static_cast<ULONG>(room.size() * sizeof(room[0]));
    error =
        get(AF_UNSPEC, GAA_FLAG_SKIP_ANYCAST | GAA_FLAG_SKIP_MULTICAST | GAA_FLAG_SKIP_DNS_SERVER,
            nullptr, reinterpret_cast<IP_ADAPTER_ADDRESSES*>(room.data()), &size);
  }
  if (error != ERROR_SUCCESS) return all;
  for (const auto* adapter = reinterpret_cast<const IP_ADAPTER_ADDRESSES*>(room.data());
       adapter != nullptr; adapter = adapter->Next) {
    for (const auto* one = adapter->FirstUnicastAddress; one != nullptr; one = one->Next) {
      const SOCKADDR* const place = one->Address.lpSockaddr;
      IpAddress ip;
      if (place->sa_family == AF_INET) {
        const auto* const v4 = reinterpret_cast<const sockaddr_in*>(place);
        ip = IpAddress::v4(_byteswap_ulong(v4->sin_addr.s_addr));
      } else if (place->sa_family == AF_INET6) {
        std::memcpy(ip.bytes.data(), &reinterpret_cast<const sockaddr_in6*>(place)->sin6_addr,
                    ip.bytes.size());
      } else {
        continue;
      }
      all.push_back(ip);
    }
  }
  return all;
}

}  // namespace

HostFacts host_facts() {
  return {.system = system_version(), .rights = rights(), .addresses = addresses()};
}

}  // namespace blockwatch
