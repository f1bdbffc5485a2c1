#pragma once
// The few socket calls the transport needs, without an operating system's header.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <system_error>

namespace blockwatch {

// A connected TCP socket that never blocks. Movable; closes what it holds. The waits and transfers
// belong to one thread; shutdown_*() may be called by others while the object lives.
class Socket {
 public:
  using Handle = std::uintptr_t;  // wide enough for a SOCKET and a file descriptor

  // Takes over an open handle and makes it non-blocking, with TCP_NODELAY: an answer must not wait
  // for the client's acknowledgement of its head.
  explicit Socket(Handle handle);
  ~Socket();
  Socket(Socket&& other) noexcept;
  Socket& operator=(Socket&&) = delete;
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  // False: nothing happened in that time. A broken connection counts as ready.
  bool wait_readable(std::chrono::milliseconds timeout) const;
  bool wait_writable(std::chrono::milliseconds timeout) const;

  enum class Status : std::uint8_t { kDone, kWouldBlock, kClosed };
  struct Transfer {
    Status status = Status::kClosed;
    std::size_t bytes = 0;  // more than 0 with kDone
  };
  Transfer receive(char* buffer, std::size_t size) const;
  Transfer send(const char* data, std::size_t size) const;

  void shutdown_receive() const;
  void shutdown_send() const;
  void shutdown_both() const;

  std::string peer_address() const;  // numeric, without the port; empty when unknown
  Handle handle() const { return handle_; }

 private:
  Handle handle_;
};

// Until one of them takes bytes again or is broken, or the time is over.
void wait_any_writable(std::span<const Socket::Handle> sockets, std::chrono::milliseconds timeout);

// The next waiting connection; nothing when none came in that time, or on a passing failure (no
// file descriptor left: then after a short pause).
std::optional<Socket> accept_connection(Socket::Handle listener, std::chrono::milliseconds timeout);

// For a socket that is not yet bound: no second program may listen on its port.
void set_exclusive_address(Socket::Handle listener);

// Why the last call on a socket in this thread failed; std::errc::address_in_use is told apart on
// every system.
std::error_code last_socket_error();

// For a bound socket: how many connections may wait to be accepted, and accepts do not block.
bool listen_with_backlog(Socket::Handle listener, int backlog);

// Ends the waiting of accept_connection() in another thread where the system can do that.
void wake_listener(Socket::Handle listener);

}  // namespace blockwatch
