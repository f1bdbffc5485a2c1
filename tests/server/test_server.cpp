#include "tests/server/test_server.h"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <stdexcept>
#include <utility>

#include "server/problem.h"

namespace blockwatch {
namespace {

constexpr int kBacklog = 512;

http::Response text(std::string body) {
  http::Response response;
  response.content_type = "text/plain";
  response.body = std::move(body);
  return response;
}

http::Response count_body(const http::Request& request) {
  std::array<char, 10'000> buffer{};
  std::uint64_t bytes = 0;
  while (true) {
    const auto count = request.body(buffer.data(), buffer.size());
    if (!count) return to_response(to_problem(count.error()));
    if (*count == 0) return text(std::to_string(bytes));
    bytes += *count;
  }
}

http::Response echo_body(const http::Request& request) {
  std::array<char, 7> buffer{};
  std::string body;
  while (true) {
    const auto count = request.body(buffer.data(), buffer.size());
    if (!count) return to_response(to_problem(count.error()));
    if (*count == 0) return text(std::move(body));
    body.append(buffer.data(), *count);
  }
}

http::Response echo_query(const http::Request& request) {
  std::string body;
  for (const auto& [name, value] : request.query) body += name + "=" + value + "\n";
  return text(std::move(body));
}

http::Response numbers(const http::Request& /*request*/) {
  http::Response response;
  response.content_type = "text/plain";
  response.stream = [](const http::WriteFn& write) {
    for (int i = 0; i < 10'000; ++i) {
      if (!write(std::to_string(i) + "\n")) return;
    }
  };
  return response;
}

}  // namespace

std::vector<Listener> one_listener(const ListenAddress& address) {
  auto listener = Listener::open(address, kBacklog);
  if (!listener) throw std::runtime_error(listener.error().message);
  std::vector<Listener> listeners;
  listeners.push_back(std::move(*listener));
  return listeners;
}

std::vector<Route> TestServer::make_routes() {
  const auto live = [this](const http::Request& /*request*/) {
    http::Response response;
    response.content_type = "text/event-stream";
    response.stream = [this](const http::WriteFn& write) {
      ++live_streams;
      while (write("tick\n")) std::this_thread::sleep_for(std::chrono::milliseconds(5));
      --live_streams;
    };
    return response;
  };
  const auto flood = [this](const http::Request& /*request*/) {
    http::Response response;
    response.stream = [this](const http::WriteFn& write) {
      for (std::uint64_t i = 0; i < flood_lines; ++i) {
        std::string line = std::to_string(i);
        line.resize(999, '.');
        if (!write(line + "\n")) return;
      }
    };
    return response;
  };
  const auto given = [this](const http::Request& /*request*/) {
    http::Response response;
    response.content_type = "text/event-stream";
    response.hand_over = [this](LiveConnection&& connection) {
      const std::lock_guard lock(given_mutex_);
      given_.push_back(std::move(connection));
    };
    return response;
  };
  const auto small = [](const http::Request& /*request*/) {
    http::Response response;
    response.body = R"({"ok":true})";
    return response;
  };
  const auto large = [](const http::Request& /*request*/) {
    return text(std::string(kLargeAnswer, 'x'));
  };
  const auto shared = [](const http::Request& /*request*/) {
    static const std::string kBytes(kLargeAnswer, 's');
    http::Response response = text({});
    response.shared_body = kBytes;
    return response;
  };
  const auto item = [](const http::Request& request) { return text(request.path_values.at("id")); };
  const auto throws = [](const http::Request& /*request*/) -> http::Response {
    throw std::runtime_error("secret detail");
  };
  const auto page = [](const http::Request& /*request*/) { return text("page"); };
  return {
      {"GET", "/api/v1/small", "small", Permission::kRead, small},
      {"GET", "/api/v1/large", "large", Permission::kRead, large},
      {"GET", "/api/v1/shared", "shared", Permission::kRead, shared},
      {"GET", "/api/v1/echo", "echo", Permission::kRead, echo_query},
      {"GET", "/api/v1/throws", "throws", Permission::kRead, throws},
      {"GET", "/api/v1/items/{id}", "item", Permission::kRead, item},
      {"GET", "/api/v1/numbers", "numbers", Permission::kRead, numbers},
      {"GET", "/api/v1/live", "live", Permission::kRead, live, {}, true},
      {"GET", "/api/v1/flood", "flood", Permission::kRead, flood, {}, true},
      {"GET", "/api/v1/given", "given", Permission::kRead, given, {}, true},
      {"POST",
       "/api/v1/imports",
       "import",
       Permission::kImport,
       count_body,
       {8U << 20U, {}, {"gzip"}}},
      {"POST",
       "/api/v1/notes",
       "note",
       Permission::kAdmin,
       echo_body,
       {1000, {"application/json"}, {}}},
      {"GET", "/", "page", Permission::kNothing, page},
  };
}

TestServer::TestServer(HttpServerOptions options, AccessOptions access, ListenAddress address,
                       std::unique_ptr<const TlsContext> tls) {
  auto tokens = TokenStore::open(folder_.path("tokens.json"));
  if (!tokens) throw std::runtime_error(tokens.error().message);
  tokens_ = std::move(*tokens);
  router_ = std::make_unique<Router>(make_routes());
  access_ = std::make_unique<Access>(std::move(access), *tokens_, sessions_);
  auto listeners = one_listener(address);
  port_ = listeners.front().address().port;
  http_ = std::make_unique<HttpServer>(*router_, *access_, std::move(listeners), std::move(options),
                                       std::move(tls));
  thread_ = std::thread([this] { http_->run(); });
}

TestServer::~TestServer() { stop(); }

void TestServer::stop() {
  http_->stop();
  if (thread_.joinable()) thread_.join();
}

std::string TestServer::request(const std::string& method, const std::string& target,
                                const std::string& lines, const std::string& body) const {
  std::string text = method + " " + target +
                     " HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(port_) + "\r\n" + lines;
  if (!body.empty()) text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  return text + "\r\n" + body;
}

std::string TestServer::token_line(TokenScope scope) {
  const auto infos = tokens_->list();
  const std::string name = "test-" + std::to_string(infos ? infos->size() : 0);
  const auto token = tokens_->create(name, {scope});
  EXPECT_TRUE(token);
  return "Authorization: Bearer " + token.value_or("") + "\r\n";
}

}  // namespace blockwatch
