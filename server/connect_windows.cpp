#include <winsock2.h>
#include <ws2tcpip.h>

#include "server/local_client.h"

namespace blockwatch {

Result<Socket> connect_to(const std::string& host, int port) {
  const std::string numeric = host == "localhost" ? "127.0.0.1" : host;
  const auto silent = make_error(ErrorCode::kUnavailable,
                                 "nobody listens on " + numeric + " port " + std::to_string(port));
  addrinfo wanted{};
  wanted.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(numeric.c_str(), std::to_string(port).c_str(), &wanted, &found) != 0) {
    return make_error(ErrorCode::kInvalidArgument, "'" + host + "' is not an address");
  }
  const SOCKET made = ::socket(found->ai_family, SOCK_STREAM, 0);
  const bool connected = made != INVALID_SOCKET &&
                         ::connect(made, found->ai_addr, static_cast<int>(found->ai_addrlen)) == 0;
  ::freeaddrinfo(found);
  if (connected) return Socket(made);
  if (made != INVALID_SOCKET) ::closesocket(made);
  return silent;
}

}  // namespace blockwatch
