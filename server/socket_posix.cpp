#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <utility>
#include <vector>

#include "server/socket.h"

namespace blockwatch {
namespace {

constexpr Socket::Handle kNone = std::numeric_limits<Socket::Handle>::max();

int fd_of(Socket::Handle handle) { return static_cast<int>(handle); }

int bounded(std::chrono::milliseconds timeout) {
  return static_cast<int>(std::clamp<std::int64_t>(timeout.count(), 0, 3'600'000));
}

bool wait_for(Socket::Handle handle, short events, std::chrono::milliseconds timeout) {
  pollfd entry{fd_of(handle), events, 0};
  return ::poll(&entry, 1, bounded(timeout)) > 0;
}

void set_flag(int fd, int level, int name) {
  const int on = 1;
  ::setsockopt(fd, level, name, &on, sizeof(on));
}

void set_nonblocking(int fd) {
  const int flags = ::fcntl(fd, F_GETFL, 0);
  if (flags >= 0) ::fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

Socket::Transfer to_transfer(ssize_t count) {
  if (count > 0) return {Socket::Status::kDone, static_cast<std::size_t>(count)};
  if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) {
    return {Socket::Status::kWouldBlock, 0};
  }
  return {Socket::Status::kClosed, 0};
}

// What getpeername() or getsockname() tells.
template <class Ask>
std::string text_of(int fd, Ask ask) {
  sockaddr_storage address{};
  socklen_t length = sizeof(address);
  // The socket interface is built on this cast.
  if (ask(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) return {};
  const void* bytes = nullptr;
  if (address.ss_family == AF_UNIX) return Socket::kUnixPeer;
  if (address.ss_family == AF_INET) {
    bytes = &reinterpret_cast<const sockaddr_in*>(&address)->sin_addr;
  } else if (address.ss_family == AF_INET6) {
    bytes = &reinterpret_cast<const sockaddr_in6*>(&address)->sin6_addr;
  }
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (bytes == nullptr ||
      ::inet_ntop(address.ss_family, bytes, text.data(), text.size()) == nullptr) {
    return {};
  }
  return text.data();
}

}  // namespace

Socket::Socket(Handle handle) : handle_(handle) {
  ::fcntl(fd_of(handle), F_SETFD, FD_CLOEXEC);
  set_nonblocking(fd_of(handle));
  set_flag(fd_of(handle), IPPROTO_TCP, TCP_NODELAY);
}

Socket::~Socket() {
  if (handle_ != kNone) ::close(fd_of(handle_));
}

Socket::Socket(Socket&& other) noexcept : handle_(std::exchange(other.handle_, kNone)) {}

bool Socket::wait_readable(std::chrono::milliseconds timeout) const {
  return wait_for(handle_, POLLIN, timeout);
}

bool Socket::wait_writable(std::chrono::milliseconds timeout) const {
  return wait_for(handle_, POLLOUT, timeout);
}

Socket::Transfer Socket::receive(Handle handle, char* buffer, std::size_t size) {
  return to_transfer(::recv(fd_of(handle), buffer, size, 0));
}

Socket::Transfer Socket::send(Handle handle, const char* data, std::size_t size) {
  return to_transfer(::send(fd_of(handle), data, size, MSG_NOSIGNAL));
}

void Socket::shutdown_receive() const { ::shutdown(fd_of(handle_), SHUT_RD); }
void Socket::shutdown_send() const { ::shutdown(fd_of(handle_), SHUT_WR); }
void Socket::shutdown_both() const { ::shutdown(fd_of(handle_), SHUT_RDWR); }

std::string Socket::peer_address() const { return text_of(fd_of(handle_), ::getpeername); }
std::string Socket::local_address() const { return text_of(fd_of(handle_), ::getsockname); }

void wait_any_writable(std::span<const Socket::Handle> sockets, std::chrono::milliseconds timeout) {
  std::vector<pollfd> entries;
  entries.reserve(sockets.size());
  for (const Socket::Handle handle : sockets) entries.push_back({fd_of(handle), POLLOUT, 0});
  ::poll(entries.data(), static_cast<nfds_t>(entries.size()), bounded(timeout));
}

}  // namespace blockwatch
