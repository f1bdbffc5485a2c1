#pragma once
// Linux: which user's process has the socket between two addresses of this computer.

#include <array>
#include <cstdint>
#include <istream>
#include <optional>

#include "storage/result.h"

struct sockaddr_storage;

namespace blockwatch {

// One end of a TCP connection. An IPv4 address in IPv6's clothes is kept as IPv4.
struct SocketEnd {
  bool is_v6 = false;
  std::array<std::uint32_t, 4> address{};  // as in the packet; IPv4: the first
  std::uint16_t port = 0;

  // Nothing: neither IPv4 nor IPv6.
  static std::optional<SocketEnd> of(const sockaddr_storage& address);
  bool is_loopback() const;
};

// The user id of the socket from `own` to `other`; nothing: there is none, or it has been closed by
// its process (the kernel then calls it root's). kUnsupported: the kernel does not answer.
Result<std::optional<std::uint32_t>> owner_by_netlink(const SocketEnd& own, const SocketEnd& other);

// The same from the lines of /proc/net/tcp or tcp6.
std::optional<std::uint32_t> owner_in_table(std::istream& table, const SocketEnd& own,
                                            const SocketEnd& other);

// By netlink, or where there is none by the tables.
std::optional<std::uint32_t> find_socket_owner(const SocketEnd& own, const SocketEnd& other);

}  // namespace blockwatch
