#pragma once
// A running transport with a few routes, for tests of connections.

#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "server/access.h"
#include "server/http_server.h"
#include "server/live_connection.h"
#include "server/routes.h"
#include "server/tokens.h"
#include "tests/server/raw_client.h"
#include "tests/support/temp_dir.h"

namespace blockwatch {

// On a free port of this computer.
std::vector<Listener> one_listener(const ListenAddress& address = {});

// Serves these routes on a free port from construction to destruction:
//   GET /api/v1/small     {"ok":true}             GET /api/v1/echo      its query, one pair per
//   line GET /api/v1/throws    throws                  GET /api/v1/items/{id} POST /api/v1/imports
//   scope import, up to 8 MiB, gzip allowed: the number of bytes read POST /api/v1/notes    scope
//   admin, JSON up to 1000 bytes: the body GET /api/v1/numbers   a stream: "0\n" to "9999\n" GET
//   /api/v1/live      a stream slot: "tick\n" until the client goes or the server stops GET
//   /api/v1/flood     a stream slot: numbered lines of 1000 bytes, flood_lines of them GET
//   /api/v1/given     hands its connection over to `given` GET / a page for everyone
//   GET /api/v1/large     kLargeAnswer bytes, more than any socket takes at once
//   GET /api/v1/shared    as many, the same for all
class TestServer {
 public:
  static constexpr std::size_t kLargeAnswer = std::size_t{12} << 20U;

  explicit TestServer(HttpServerOptions options = {}, AccessOptions access = {},
                      ListenAddress address = {}, std::unique_ptr<const TlsContext> tls = nullptr);
  ~TestServer();
  TestServer(const TestServer&) = delete;
  TestServer& operator=(const TestServer&) = delete;

  int port() const { return port_; }
  HttpServer& http() { return *http_; }
  // Until run() returned.
  void stop();

  // "METHOD target HTTP/1.1" with a right Host and these further lines ("Name: value\r\n").
  std::string request(const std::string& method, const std::string& target,
                      const std::string& lines = {}, const std::string& body = {}) const;
  std::string get(const std::string& target, const std::string& lines = {}) const {
    return request("GET", target, lines);
  }
  // A header line with a token of this scope.
  std::string token_line(TokenScope scope);

  std::atomic<std::uint64_t> flood_lines{10'000};
  std::atomic<int> live_streams{0};  // handlers of /api/v1/live now running

  // Connections of /api/v1/given.
  std::size_t given_count() const {
    const std::lock_guard lock(given_mutex_);
    return given_.size();
  }
  std::vector<LiveConnection> take_given() {
    const std::lock_guard lock(given_mutex_);
    return std::exchange(given_, {});
  }

 private:
  std::vector<Route> make_routes();

  TempDir folder_;
  mutable std::mutex given_mutex_;
  std::vector<LiveConnection> given_;  // guarded by given_mutex_
  std::unique_ptr<TokenStore> tokens_;
  Sessions sessions_;
  std::unique_ptr<Router> router_;
  std::unique_ptr<Access> access_;
  std::unique_ptr<HttpServer> http_;
  int port_ = 0;
  std::thread thread_;
};

}  // namespace blockwatch
