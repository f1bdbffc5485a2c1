#pragma once
// A request and its answer as plain values: handlers see no HTTP library.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/peer_identity.h"
#include "server/tokens.h"
#include "storage/result.h"

namespace blockwatch {
class LiveConnection;
}

namespace blockwatch::http {

// In the order sent; names decoded, repeated names kept.
using Parameters = std::vector<std::pair<std::string, std::string>>;

// Hands out the request body piece by piece: fills the buffer, returns the bytes written, 0 at the
// end. kUnavailable: the client stalled or went away; kInvalidArgument: over the route's limit.
using BodyReader = std::function<Result<std::size_t>(char* buffer, std::size_t size)>;

struct Request {
  std::string method;  // upper case
  std::string path;    // decoded, without the query
  std::string target;  // as sent, for Link headers
  Parameters query;
  std::map<std::string, std::string> path_values;  // {name} of the route's pattern
  std::function<std::optional<std::string>(std::string_view name)> header;  // any case; first value
  BodyReader body;                         // streams the body; only on routes that take one
  std::string peer;                        // address of the other end
  std::function<PeerIdentity()> identify;  // who that is, looked up once; empty: not known
  TokenInfo token;  // what was shown, or is behind the session; without a name: nothing
};

// Takes bytes of a streamed body. False: the client is gone or the server stops; give up soon.
// Empty text sends nothing and only asks that.
using WriteFn = std::function<bool(std::string_view)>;

struct Response {
  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers;  // without Content-Type and -Length
  std::string content_type = "application/json";
  std::string body;
  // Instead of `body`: bytes that outlive every answer and are copied for none.
  std::string_view shared_body;
  // When set, the body is what this writes; it runs on the connection's thread after the headers
  // were sent, and returns when the body is complete (or write() said false).
  std::function<void(const WriteFn& write)> stream;
  // When set, the connection is handed to this after the headers were sent: for an answer without
  // an end that needs no thread. Not for HEAD, nor when the client left before.
  std::function<void(LiveConnection&& connection)> hand_over;

  void set(std::string name, std::string value) {
    headers.emplace_back(std::move(name), std::move(value));
  }
};

// A request that was refused, by a check or by its handler.
struct Attempt {
  std::string_view method;
  std::string_view path;
  std::string_view peer;
  PeerIdentity identity;
  const TokenInfo& token;  // as in Request
  int status = 0;
};

using Handler = std::function<Response(const Request&)>;

}  // namespace blockwatch::http
