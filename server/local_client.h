#pragma once
// A client of a server on this computer, for the program's own commands. Small answers only.

#include <string>
#include <string_view>

#include "server/peer_identity.h"
#include "server/socket.h"
#include "storage/result.h"

namespace blockwatch {

// `host` is a numeric address or "localhost". kUnavailable: nobody listens there.
Result<Socket> connect_to(const std::string& host, int port);

struct LocalAnswer {
  int status = 0;
  std::string body;
};

// One connection. Requests end after some seconds.
class LocalClient {
 public:
  static Result<LocalClient> connect(const std::string& host, int port);

  // `lines`: further headers, each with its end. kUnavailable: no answer, or not one of HTTP.
  Result<LocalAnswer> send(std::string_view method, std::string_view target,
                           std::string_view lines = {});

  // Who serves. The system may know only after the first answer.
  PeerIdentity server() const { return identify_peer(socket_.handle(), {}); }

 private:
  LocalClient(Socket socket, std::string authority)
      : socket_(std::move(socket)), authority_(std::move(authority)) {}

  Socket socket_;
  std::string authority_;
};

}  // namespace blockwatch
