#include <winsock2.h>
#include <ws2tcpip.h>

#include <cstdlib>

#include "tests/server/raw_client.h"

namespace blockwatch {
namespace {

constexpr int kPairBuffer = 64 * 1024;

void set_buffer(SOCKET socket, int option, int bytes) {
  ::setsockopt(socket, SOL_SOCKET, option, reinterpret_cast<const char*>(&bytes), sizeof(bytes));
}

}  // namespace

std::optional<Socket> connect_raw(int port, int receive_buffer) {
  const SOCKET client = ::socket(AF_INET, SOCK_STREAM, 0);
  if (client == INVALID_SOCKET) return std::nullopt;
  if (receive_buffer > 0) set_buffer(client, SO_RCVBUF, receive_buffer);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(client, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    ::closesocket(client);
    return std::nullopt;
  }
  return Socket(client);
}

bool is_wine() {
  return ::GetProcAddress(::GetModuleHandleW(L"ntdll.dll"), "wine_get_version") != nullptr;
}

std::pair<Socket, Socket> connected_sockets() {
  WSADATA data{};
  ::WSAStartup(MAKEWORD(2, 2), &data);
  const SOCKET listener = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int size = sizeof(address);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listener, generic, size) != 0 || ::listen(listener, 1) != 0 ||
      ::getsockname(listener, generic, &size) != 0) {
    std::abort();
  }
  // As little as the pair of other systems holds: the system's own choice would take megabytes.
  auto client = connect_raw(ntohs(address.sin_port), kPairBuffer);
  Socket accepted(::accept(listener, nullptr, nullptr));
  ::closesocket(listener);
  if (!client) std::abort();
  set_buffer(client->handle(), SO_SNDBUF, kPairBuffer);
  set_buffer(accepted.handle(), SO_SNDBUF, kPairBuffer);
  set_buffer(accepted.handle(), SO_RCVBUF, kPairBuffer);
  return {std::move(*client), std::move(accepted)};
}

}  // namespace blockwatch
