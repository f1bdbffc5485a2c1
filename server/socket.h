#pragma once
// The few socket calls the transport needs, without an operating system's header.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace blockwatch {

// A connected socket that never blocks. Movable; closes what it holds. The waits and transfers
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
  Transfer receive(char* buffer, std::size_t size) const { return receive(handle_, buffer, size); }
  Transfer send(const char* data, std::size_t size) const { return send(handle_, data, size); }
  // The same for who has only the handle.
  static Transfer receive(Handle handle, char* buffer, std::size_t size);
  static Transfer send(Handle handle, const char* data, std::size_t size);

  void shutdown_receive() const;
  void shutdown_send() const;
  void shutdown_both() const;

  // Numeric, without the port; of a socket file kUnixPeer; empty when unknown.
  static constexpr const char* kUnixPeer = "unix";
  std::string peer_address() const;
  std::string local_address() const;  // as which the client reached us
  Handle handle() const { return handle_; }

 private:
  Handle handle_;
};

// Until one of them takes bytes again or is broken, or the time is over.
void wait_any_writable(std::span<const Socket::Handle> sockets, std::chrono::milliseconds timeout);

}  // namespace blockwatch
