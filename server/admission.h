#pragma once
// What a request must pass before a handler sees it, from its head alone (the body is still
// unread). admission.cpp has the one list of checks, in the contract's order.

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "server/access.h"
#include "server/http.h"
#include "server/problem.h"
#include "server/request_head.h"
#include "server/routes.h"

namespace blockwatch {

struct Admission {
  const Route* route = nullptr;    // set: the handler's turn
  const Route* matched = nullptr;  // the same, also of a request that is refused
  std::map<std::string, std::string> path_values;
  TokenInfo token;                       // what was shown; without a name: nothing
  std::optional<http::Response> answer;  // set: the answer, no handler runs
  bool refused = false;                  // the answer is a refusal: close the connection after it
};

// Where a client came in.
struct Door {
  std::uint16_t port = 0;
  bool tls = false;
  std::string address = {};  // numeric, as which the client reached us
};

// `peer` is the other end's numeric address.
Admission admit(const RequestHead& head, const Router& router, const Access& access,
                std::string_view peer, const std::function<PeerIdentity()>& identify,
                const Door& door);

// The answer to a request that the transport itself refuses; 405 gets an Allow.
http::Response to_refusal(const Problem& problem);

// 503 with Retry-After: `what` ("connections", "streams") has reached its cap.
http::Response to_busy(std::string_view what);

}  // namespace blockwatch
