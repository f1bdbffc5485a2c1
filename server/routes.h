#pragma once
// How requests find their handlers: one table of routes, and the matcher.

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "server/http.h"

namespace blockwatch {

// What a request needs before its body is read. `kNothing` still passes the Host check.
enum class Permission : std::uint8_t { kNothing, kRead, kImport, kAudit, kAdmin };

// What a route takes as a body; max_bytes 0: none at all.
struct BodyRule {
  std::uint64_t max_bytes = 0;
  std::vector<std::string_view> content_types;      // media types without parameters; empty: any
  std::vector<std::string_view> content_encodings;  // beside identity
};

struct Route {
  std::string_view method;
  std::string_view pattern;       // "/api/v1/events/{id}": {name} matches one path segment
  std::string_view operation_id;  // as in openapi.yaml
  Permission permission = Permission::kRead;
  http::Handler handler;
  BodyRule body = {};
  // Holds its connection: counted against the cap of streams, and open to tickets.
  bool streams = false;
  // Told of every attempt that ends in a refusal, before the client is.
  std::function<void(const http::Attempt&)> refused = nullptr;
};

struct Match {
  const Route* route = nullptr;  // none: no such path, or not this method
  std::map<std::string, std::string> path_values;
  std::vector<std::string_view> allowed;  // methods of this path; empty: no such path (404)
};

// Literal segments win over {name}. HEAD matches GET. Immutable, any thread.
class Router {
 public:
  explicit Router(std::vector<Route> routes) : routes_(std::move(routes)) {}
  Match match(std::string_view method, std::string_view path) const;
  const std::vector<Route>& routes() const { return routes_; }

 private:
  std::vector<Route> routes_;
};

}  // namespace blockwatch
