#include "server/peer_identity.h"

// Before the headers that build on it.
#include <winsock2.h>
#include <ws2tcpip.h>
// After winsock2.h.
#include <iphlpapi.h>
#include <sddl.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <string_view>

#include "storage/file_path.h"
#include "storage/system_function.h"

namespace blockwatch {
namespace {

constexpr std::string_view kEventLogReaders = "S-1-5-32-573";
constexpr int kTableAttempts = 5;  // it may grow between asking for its size and for itself

class Handle {
 public:
  explicit Handle(HANDLE handle) : handle_(handle) {}
  ~Handle() {
    if (handle_ != nullptr) ::CloseHandle(handle_);
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  HANDLE get() const { return handle_; }

 private:
  HANDLE handle_;
};

std::string sid_text(PSID sid) {
  char* text = nullptr;
  if (!::ConvertSidToStringSidA(sid, &text)) return {};
  std::string copy(text);
  ::LocalFree(text);
  return copy;
}

std::vector<unsigned char> token_information(HANDLE token, TOKEN_INFORMATION_CLASS what) {
  DWORD size = 0;
  ::GetTokenInformation(token, what, nullptr, 0, &size);
  std::vector<unsigned char> bytes(size);
  if (size == 0 || !::GetTokenInformation(token, what, bytes.data(), size, &size)) return {};
  return bytes;
}

// A user and what a process of theirs may do.
struct Account {
  std::string sid;
  bool administrator = false;  // with the rights of one
  bool could_be = false;       // after a prompt: the group is only there to deny
  std::vector<std::string> groups;
};

std::optional<Account> account_of(HANDLE process) {
  HANDLE opened = nullptr;
  if (!::OpenProcessToken(process, TOKEN_QUERY, &opened)) return std::nullopt;
  const Handle token(opened);
  const auto user = token_information(token.get(), TokenUser);
  const auto groups = token_information(token.get(), TokenGroups);
  if (user.empty() || groups.empty()) return std::nullopt;
  Account account;
  PSID sid = reinterpret_cast<const TOKEN_USER*>(user.data())->User.Sid;
  account.sid = sid_text(sid);
  account.administrator = ::IsWellKnownSid(sid, WinLocalSystemSid) != 0;
  const auto* list = reinterpret_cast<const TOKEN_GROUPS*>(groups.data());
  for (DWORD i = 0; i < list->GroupCount; ++i) {
    const SID_AND_ATTRIBUTES& group = list->Groups[i];
    const bool enabled = (group.Attributes & SE_GROUP_ENABLED) != 0;
    if (::IsWellKnownSid(group.Sid, WinBuiltinAdministratorsSid)) {
      account.administrator = account.administrator || enabled;
      account.could_be = true;
    }
    if (enabled) account.groups.push_back(sid_text(group.Sid));
  }
  return account;
}

// One connection, as the system's table has it from the other end's side.
struct Connection {
  int family = 0;
  sockaddr_storage from{};
  sockaddr_storage to{};
};

template <class Address>
const Address& as(const sockaddr_storage& address) {
  return reinterpret_cast<const Address&>(address);
}

bool is_loopback(const Connection& connection) {
  if (connection.family == AF_INET) {
    return (ntohl(as<sockaddr_in>(connection.from).sin_addr.s_addr) >> 24U) == 127;
  }
  return IN6_IS_ADDR_LOOPBACK(&as<sockaddr_in6>(connection.from).sin6_addr) != 0;
}

bool fits(const MIB_TCPROW_OWNER_PID& row, const Connection& connection) {
  const auto& from = as<sockaddr_in>(connection.from);
  const auto& to = as<sockaddr_in>(connection.to);
  return row.dwLocalAddr == from.sin_addr.s_addr && row.dwRemoteAddr == to.sin_addr.s_addr &&
         static_cast<u_short>(row.dwLocalPort) == from.sin_port &&
         static_cast<u_short>(row.dwRemotePort) == to.sin_port;
}

bool fits(const MIB_TCP6ROW_OWNER_PID& row, const Connection& connection) {
  const auto& from = as<sockaddr_in6>(connection.from);
  const auto& to = as<sockaddr_in6>(connection.to);
  const auto same = [](const UCHAR* bytes, const in6_addr& address) {
    return std::memcmp(bytes, &address, sizeof address) == 0;
  };
  return same(row.ucLocalAddr, from.sin6_addr) && same(row.ucRemoteAddr, to.sin6_addr) &&
         static_cast<u_short>(row.dwLocalPort) == from.sin6_port &&
         static_cast<u_short>(row.dwRemotePort) == to.sin6_port;
}

template <class Table>
DWORD pid_in(const std::vector<unsigned char>& bytes, const Connection& connection) {
  const auto* table = reinterpret_cast<const Table*>(bytes.data());
  const auto* end = table->table + table->dwNumEntries;
  const auto* found = std::find_if(static_cast<decltype(end)>(table->table), end,
                                   [&](const auto& row) { return fits(row, connection); });
  return found == end ? 0 : found->dwOwningPid;
}

// The process that has the other end; 0: nobody, or it is not known.
DWORD pid_of(const Connection& connection) {
  static auto* const kTable =
      system_function<decltype(GetExtendedTcpTable)>(L"iphlpapi.dll", "GetExtendedTcpTable");
  if (kTable == nullptr) return 0;
  std::vector<unsigned char> bytes(16'384);
  for (int attempt = 0; attempt < kTableAttempts; ++attempt) {
    auto size = static_cast<DWORD>(bytes.size());
    const DWORD error = kTable(bytes.data(), &size, FALSE, static_cast<ULONG>(connection.family),
                               TCP_TABLE_OWNER_PID_CONNECTIONS, 0);
    if (error == ERROR_SUCCESS) {
      return connection.family == AF_INET ? pid_in<MIB_TCPTABLE_OWNER_PID>(bytes, connection)
                                          : pid_in<MIB_TCP6TABLE_OWNER_PID>(bytes, connection);
    }
    if (error != ERROR_INSUFFICIENT_BUFFER) return 0;
    bytes.resize(std::size_t{size} + 16'384);
  }
  return 0;
}

PeerStanding standing_of(const Account& peer, const std::vector<std::string>& reader_groups) {
  static const std::optional<Account> kOwn = account_of(::GetCurrentProcess());
  const bool own_user = kOwn && peer.sid == kOwn->sid;
  // What a prompt would have to allow first is not given for nothing.
  if (peer.administrator) return PeerStanding::kOwner;
  if (own_user) return kOwn->administrator ? PeerStanding::kSelf : PeerStanding::kOwner;
  const bool reads =
      peer.could_be || std::ranges::any_of(peer.groups, [&](const std::string& group) {
        return group == kEventLogReaders ||
               std::ranges::find(reader_groups, group) != reader_groups.end();
      });
  return reads ? PeerStanding::kReader : PeerStanding::kStranger;
}

// The SID of a group, given as such or by name.
std::string find_group(const std::string& name) {
  PSID given = nullptr;
  if (::ConvertStringSidToSidA(name.c_str(), &given)) {
    std::string text = sid_text(given);
    ::LocalFree(given);
    return text;
  }
  const std::wstring wide = to_path(name).wstring();
  std::vector<unsigned char> sid(SECURITY_MAX_SID_SIZE);
  std::wstring domain(256, L'\0');
  auto sid_size = static_cast<DWORD>(sid.size());
  auto domain_size = static_cast<DWORD>(domain.size());
  SID_NAME_USE use{};
  if (!::LookupAccountNameW(nullptr, wide.c_str(), sid.data(), &sid_size, domain.data(),
                            &domain_size, &use)) {
    return {};
  }
  const bool is_group = use == SidTypeGroup || use == SidTypeAlias || use == SidTypeWellKnownGroup;
  return is_group ? sid_text(sid.data()) : std::string();
}

}  // namespace

Result<std::vector<std::string>> find_groups(const std::vector<std::string>& names) {
  std::vector<std::string> ids;
  for (const std::string& name : names) {
    ids.push_back(find_group(name));
    if (ids.back().empty()) {
      return make_error(ErrorCode::kInvalidArgument,
                        "--allow-group: there is no group \"" + name + "\"");
    }
  }
  return ids;
}

PeerIdentity identify_peer(Socket::Handle socket, const std::vector<std::string>& reader_groups) {
  Connection connection;
  int from_size = sizeof connection.from;
  int to_size = sizeof connection.to;
  if (::getpeername(socket, reinterpret_cast<sockaddr*>(&connection.from), &from_size) != 0 ||
      ::getsockname(socket, reinterpret_cast<sockaddr*>(&connection.to), &to_size) != 0) {
    return {};
  }
  connection.family = connection.from.ss_family;
  if (connection.family != AF_INET && connection.family != AF_INET6) return {};
  if (!is_loopback(connection)) return {};
  const DWORD pid = pid_of(connection);
  if (pid == 0) return {};
  const Handle process(::OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, FALSE, pid));
  if (process.get() == nullptr) return {};
  // The number cannot become another process's any more; whether it had become one before is told
  // by a second look.
  if (pid_of(connection) != pid) return {};
  const auto account = account_of(process.get());
  if (!account) return {};
  return {standing_of(*account, reader_groups), account->sid + " pid " + std::to_string(pid)};
}

}  // namespace blockwatch
