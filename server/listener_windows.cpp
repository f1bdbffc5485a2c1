#include <winsock2.h>
#include <ws2tcpip.h>

#include <algorithm>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "server/listener.h"

namespace blockwatch {
namespace {

using std::chrono::milliseconds;

void set_on(SOCKET socket, int level, int name) {
  const BOOL on = TRUE;
  ::setsockopt(socket, level, name, reinterpret_cast<const char*>(&on), sizeof(on));
}

tl::unexpected<Error> failure(const ListenAddress& address) {
  const int error = ::WSAGetLastError();
  ErrorCode code = ErrorCode::kIo;
  // The second is said of a port that another program holds exclusively.
  if (error == WSAEADDRINUSE || error == WSAEACCES) code = ErrorCode::kConflict;
  if (error == WSAEADDRNOTAVAIL) code = ErrorCode::kInvalidArgument;
  return make_error(
      code, "cannot listen on " + address.url() + ": " + std::system_category().message(error));
}

// Before the first socket of the program.
void begin_sockets() {
  static const int done = [] {
    WSADATA data{};
    return ::WSAStartup(MAKEWORD(2, 2), &data);
  }();
  static_cast<void>(done);
}

}  // namespace

Listener::Listener(Listener&& other) noexcept
    : address_(std::move(other.address_)), handle_(std::exchange(other.handle_, INVALID_SOCKET)) {}

Listener::~Listener() {
  if (handle_ != INVALID_SOCKET) ::closesocket(handle_);
}

Result<Listener> Listener::open_tcp(const ListenAddress& address, int backlog) {
  begin_sockets();
  ADDRINFOA hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV;
  ADDRINFOA* found = nullptr;
  if (::getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &hints, &found) !=
      0) {
    return make_error(ErrorCode::kInvalidArgument,
                      "cannot listen on " + address.url() + ": expected a numeric address");
  }
  const ADDRINFOA place = *found;
  sockaddr_storage bound{};
  int size = static_cast<int>(place.ai_addrlen);
  auto* generic = reinterpret_cast<sockaddr*>(&bound);
  std::copy_n(reinterpret_cast<const char*>(place.ai_addr), place.ai_addrlen,
              reinterpret_cast<char*>(&bound));
  ::freeaddrinfo(found);
  const SOCKET socket = ::socket(place.ai_family, SOCK_STREAM, 0);
  if (socket == INVALID_SOCKET) return failure(address);
  Listener listener(address, socket);
  // SO_REUSEADDR would let a second program take the port over on this system.
  set_on(socket, SOL_SOCKET, SO_EXCLUSIVEADDRUSE);
  // A socket is a handle by Winsock's own word.
  const auto object = reinterpret_cast<HANDLE>(socket);  // NOLINT(performance-no-int-to-ptr)
  ::SetHandleInformation(object, HANDLE_FLAG_INHERIT, 0);
  u_long on = 1;
  ::ioctlsocket(socket, static_cast<long>(FIONBIO), &on);
  if (::bind(socket, generic, size) != 0 || ::listen(socket, backlog) != 0 ||
      ::getsockname(socket, generic, &size) != 0) {
    return failure(address);
  }
  listener.address_.port =
      ntohs(place.ai_family == AF_INET ? reinterpret_cast<const sockaddr_in*>(&bound)->sin_port
                                       : reinterpret_cast<const sockaddr_in6*>(&bound)->sin6_port);
  return listener;
}

Result<Listener> Listener::open_unix(const ListenAddress& address, int /*backlog*/) {
  return make_error(ErrorCode::kInvalidArgument,
                    "cannot listen on " + address.url() + ": Windows has no Unix sockets here");
}

// A listening socket cannot be shut down here; the accepting thread looks at its flag by itself.
void Listener::wake() const {}

std::vector<Arrival> accept_connections(std::span<const Listener> listeners, milliseconds timeout) {
  std::vector<Arrival> arrivals;
  std::vector<WSAPOLLFD> entries;
  entries.reserve(listeners.size());
  for (const Listener& listener : listeners) {
    WSAPOLLFD entry{};
    entry.fd = listener.handle();
    entry.events = POLLRDNORM;
    entries.push_back(entry);
  }
  const auto wait = static_cast<int>(std::clamp<std::int64_t>(timeout.count(), 0, 3'600'000));
  if (::WSAPoll(entries.data(), static_cast<ULONG>(entries.size()), wait) <= 0) return arrivals;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (entries[i].revents == 0) continue;
    const SOCKET accepted = ::accept(entries[i].fd, nullptr, nullptr);
    if (accepted != INVALID_SOCKET) {
      arrivals.push_back({Socket(accepted), &listeners[i]});
      continue;
    }
    const int error = ::WSAGetLastError();
    if (error != WSAEWOULDBLOCK && error != WSAECONNRESET) {
      std::this_thread::sleep_for(milliseconds(10));
    }
  }
  return arrivals;
}

}  // namespace blockwatch
