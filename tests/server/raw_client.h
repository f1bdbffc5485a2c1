#pragma once
// A client that sends exactly the bytes it is told, over a socket of its own.

#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "server/socket.h"

namespace blockwatch {

// A connection to 127.0.0.1. `receive_buffer`: SO_RCVBUF, to make a slow reader slow; 0 leaves the
// default.
std::optional<Socket> connect_raw(int port, int receive_buffer);

struct RawResponse {
  int status = 0;  // 0: none came
  std::string head;
  std::map<std::string, std::string> headers;  // names in lower case; the last of equal ones
  std::string body;                            // chunks joined
  bool complete = false;                       // as long as its framing says

  std::string header(const std::string& name) const;
};

// Whether this is Wine, not Windows.
bool is_wine();

// The two ends of a connection.
std::pair<Socket, Socket> connected_sockets();

// One TCP connection to 127.0.0.1. Waits end after 60 s with a failure result.
class RawClient {
 public:
  explicit RawClient(int port, int receive_buffer = 0);

  bool connected() const { return socket_.has_value(); }
  bool send(std::string_view bytes) const;
  // The next answer; bytes of a later one stay for the next call.
  RawResponse receive(bool to_head = false);
  // What has come when `text` is in it or the connection ended; nothing is taken away.
  std::string receive_until(std::string_view text);
  // Everything up to the end of the connection.
  std::string receive_all();
  // Whether the other end closes within the time.
  bool closes_within(std::chrono::milliseconds limit);
  void close();

  RawResponse ask(std::string_view request) {
    send(request);
    return receive();
  }

 private:
  bool fill(std::chrono::steady_clock::time_point end);  // false: closed or too late

  std::optional<Socket> socket_;
  bool ended_ = false;
  std::string in_;
};

}  // namespace blockwatch
