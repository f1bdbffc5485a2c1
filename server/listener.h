#pragma once
// Where clients come in: a TCP port or, where the system has them, a socket file.

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "server/socket.h"
#include "storage/result.h"

namespace blockwatch {

struct ListenAddress {
  std::string host = "127.0.0.1";  // numeric, or "localhost" (taken as 127.0.0.1)
  int port = 0;                    // 0: any free one
  bool tls = false;
  std::string unix_path;   // not empty: this file instead
  std::string unix_user;   // whose the file is; empty: this process's user
  std::string unix_group;  // who else may connect; empty: nobody

  bool is_unix() const { return !unix_path.empty(); }
  // Only this computer can reach it.
  bool is_local() const;
  // "http://127.0.0.1:8470", "unix:/run/blockwatch/socket".
  std::string url() const;
};

// Open from its making; closes, and removes its socket file unless another took the place.
class Listener {
 public:
  // No second program can listen on the same port or file as long as this object lives. A file is
  // taken over from a program that ended without removing it, never from one that answers; what is
  // no socket is left alone. kInvalidArgument: not an address or path to listen on; kConflict: it
  // is taken; kPermission: others could replace the file; kIo; kUnsupported: no such thing here.
  static Result<Listener> open(const ListenAddress& address, int backlog);

  ~Listener();
  Listener(Listener&& other) noexcept;
  Listener& operator=(Listener&&) = delete;
  Listener(const Listener&) = delete;

  const ListenAddress& address() const { return address_; }  // with the port that was found
  Socket::Handle handle() const { return handle_; }

  // Ends the waiting of accept_connections() in another thread where the system can do that.
  void wake() const;

 private:
  // Names a file for as long as it exists.
  struct FileId {
    std::uint64_t device = 0;
    std::uint64_t number = 0;
    friend bool operator==(const FileId&, const FileId&) = default;
  };
  explicit Listener(ListenAddress address, Socket::Handle handle)
      : address_(std::move(address)), handle_(handle) {}

  static Result<Listener> open_tcp(const ListenAddress& address, int backlog);
  static Result<Listener> open_unix(const ListenAddress& address, int backlog);

  ListenAddress address_;
  Socket::Handle handle_;
  std::optional<FileId> file_;
};

struct Arrival {
  Socket socket;
  const Listener* listener;
};

// At most one waiting connection of each, so that no crowd at one keeps the others waiting; none
// when none came in that time, or on a passing failure (no file descriptor left: then after a short
// pause).
std::vector<Arrival> accept_connections(std::span<const Listener> listeners,
                                        std::chrono::milliseconds timeout);

}  // namespace blockwatch
