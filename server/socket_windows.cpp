#include <winsock2.h>
#include <ws2tcpip.h>

#include <algorithm>
#include <array>
#include <thread>
#include <utility>
#include <vector>

#include "server/socket.h"

namespace blockwatch {
namespace {

constexpr Socket::Handle kNone = INVALID_SOCKET;

int bounded(std::chrono::milliseconds timeout) {
  return static_cast<int>(std::clamp<std::int64_t>(timeout.count(), 0, 3'600'000));
}

WSAPOLLFD poll_entry(Socket::Handle handle, short events) {
  WSAPOLLFD entry{};
  entry.fd = handle;
  entry.events = events;
  return entry;
}

bool wait_for(Socket::Handle handle, short events, std::chrono::milliseconds timeout) {
  WSAPOLLFD entry = poll_entry(handle, events);
  return ::WSAPoll(&entry, 1, bounded(timeout)) > 0;
}

void set_flag(Socket::Handle handle, int level, int name) {
  const BOOL on = TRUE;
  ::setsockopt(handle, level, name, reinterpret_cast<const char*>(&on), sizeof(on));
}

void set_nonblocking(Socket::Handle handle) {
  u_long on = 1;
  ::ioctlsocket(handle, static_cast<long>(FIONBIO), &on);
}

void keep_from_children(Socket::Handle handle) {
  // A socket is a handle by Winsock's own word.
  const auto object = reinterpret_cast<HANDLE>(handle);  // NOLINT(performance-no-int-to-ptr)
  ::SetHandleInformation(object, HANDLE_FLAG_INHERIT, 0);
}

int bounded_size(std::size_t size) {
  return static_cast<int>(std::min<std::size_t>(size, std::size_t{1} << 30));
}

Socket::Transfer to_transfer(int count) {
  if (count > 0) return {Socket::Status::kDone, static_cast<std::size_t>(count)};
  if (count < 0 && ::WSAGetLastError() == WSAEWOULDBLOCK) {
    return {Socket::Status::kWouldBlock, 0};
  }
  return {Socket::Status::kClosed, 0};
}

// What getpeername() or getsockname() tells.
template <class Ask>
std::string text_of(SOCKET socket, Ask ask) {
  sockaddr_storage address{};
  int length = sizeof(address);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (ask(socket, generic, &length) != 0) return {};
  std::array<char, NI_MAXHOST> text{};
  if (::getnameinfo(generic, length, text.data(), static_cast<DWORD>(text.size()), nullptr, 0,
                    NI_NUMERICHOST) != 0) {
    return {};
  }
  return text.data();
}

}  // namespace

Socket::Socket(Handle handle) : handle_(handle) {
  keep_from_children(handle);
  set_nonblocking(handle);
  set_flag(handle, IPPROTO_TCP, TCP_NODELAY);
}

Socket::~Socket() {
  if (handle_ != kNone) ::closesocket(handle_);
}

Socket::Socket(Socket&& other) noexcept : handle_(std::exchange(other.handle_, kNone)) {}

bool Socket::wait_readable(std::chrono::milliseconds timeout) const {
  return wait_for(handle_, POLLRDNORM, timeout);
}

bool Socket::wait_writable(std::chrono::milliseconds timeout) const {
  return wait_for(handle_, POLLWRNORM, timeout);
}

Socket::Transfer Socket::receive(Handle handle, char* buffer, std::size_t size) {
  return to_transfer(::recv(handle, buffer, bounded_size(size), 0));
}

Socket::Transfer Socket::send(Handle handle, const char* data, std::size_t size) {
  return to_transfer(::send(handle, data, bounded_size(size), 0));
}

void Socket::shutdown_receive() const { ::shutdown(handle_, SD_RECEIVE); }
void Socket::shutdown_send() const { ::shutdown(handle_, SD_SEND); }
void Socket::shutdown_both() const { ::shutdown(handle_, SD_BOTH); }

std::string Socket::peer_address() const { return text_of(handle_, ::getpeername); }
std::string Socket::local_address() const { return text_of(handle_, ::getsockname); }

void wait_any_writable(std::span<const Socket::Handle> sockets, std::chrono::milliseconds timeout) {
  std::vector<WSAPOLLFD> entries;
  entries.reserve(sockets.size());
  for (const Socket::Handle handle : sockets) entries.push_back(poll_entry(handle, POLLWRNORM));
  if (entries.empty()) {
    // An error to WSAPoll.
    std::this_thread::sleep_for(timeout);
    return;
  }
  ::WSAPoll(entries.data(), static_cast<ULONG>(entries.size()), bounded(timeout));
}

}  // namespace blockwatch
