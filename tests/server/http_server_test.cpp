// What every request meets before and after its handler, over real connections.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "tests/server/test_server.h"

namespace blockwatch {
namespace {

using testing::HasSubstr;
using testing::Not;

class HttpServerTest : public testing::Test {
 protected:
  // Sends this on a connection of its own, expects a problem with this status and code, and that
  // the connection is closed at once.
  RawResponse expect_refusal(const std::string& bytes, int status, const std::string& code) {
    RawClient client(server_.port());
    EXPECT_TRUE(client.send(bytes));
    RawResponse response = client.receive();
    EXPECT_EQ(response.status, status) << bytes.substr(0, 200);
    EXPECT_TRUE(response.complete);
    EXPECT_EQ(response.header("content-type"), "application/problem+json");
    EXPECT_EQ(response.header("connection"), "close");
    EXPECT_EQ(response.header("cache-control"), "no-store");
    EXPECT_THAT(response.header("content-security-policy"), HasSubstr("frame-ancestors 'none'"));
    const auto json = nlohmann::json::parse(response.body, nullptr, false);
    if (json.is_object()) {
      EXPECT_EQ(json.value("code", ""), code);
      EXPECT_EQ(json.value("status", 0), status);
      EXPECT_EQ(json.value("type", ""), "urn:blockwatch:problem:" + code);
    } else {
      ADD_FAILURE() << "not JSON: " << response.body;
    }
    EXPECT_TRUE(client.closes_within(std::chrono::seconds(5)));
    return response;
  }

  std::string own_host() const { return "Host: 127.0.0.1:" + std::to_string(server_.port()); }

  TestServer server_;
};

TEST_F(HttpServerTest, AnswersWithTheSecurityHeaders) {
  RawClient client(server_.port());
  const RawResponse response = client.ask(server_.get("/api/v1/small"));
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, R"({"ok":true})");
  EXPECT_EQ(response.header("content-type"), "application/json");
  EXPECT_EQ(response.header("content-security-policy"),
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
            "font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
            "frame-ancestors 'none'");
  EXPECT_EQ(response.header("x-content-type-options"), "nosniff");
  EXPECT_EQ(response.header("referrer-policy"), "no-referrer");
  EXPECT_EQ(response.header("cross-origin-resource-policy"), "same-origin");
  EXPECT_EQ(response.header("cross-origin-opener-policy"), "same-origin");
  EXPECT_EQ(response.header("x-frame-options"), "DENY");
  EXPECT_EQ(response.header("cache-control"), "no-store");
  EXPECT_THAT(response.header("date"), testing::MatchesRegex("..., .* GMT"));
  EXPECT_FALSE(response.headers.contains("server"));
  EXPECT_FALSE(response.headers.contains("access-control-allow-origin"));
}

TEST_F(HttpServerTest, KeepsPagesCacheable) {
  RawClient client(server_.port());
  const RawResponse response = client.ask(server_.get("/"));
  EXPECT_EQ(response.status, 200);
  EXPECT_FALSE(response.headers.contains("cache-control"));
}

TEST_F(HttpServerTest, ServesManyRequestsOnOneConnection) {
  RawClient client(server_.port());
  for (int i = 0; i < 200; ++i) {
    const RawResponse response = client.ask(server_.get("/api/v1/items/" + std::to_string(i)));
    ASSERT_EQ(response.status, 200);
    ASSERT_EQ(response.body, std::to_string(i));
    ASSERT_EQ(response.header("connection"), "keep-alive");
  }
}

TEST_F(HttpServerTest, AnswersPipelinedRequestsInOrder) {
  RawClient client(server_.port());
  client.send(server_.get("/api/v1/items/a") + server_.get("/api/v1/items/b") +
              server_.get("/api/v1/items/c"));
  EXPECT_EQ(client.receive().body, "a");
  EXPECT_EQ(client.receive().body, "b");
  EXPECT_EQ(client.receive().body, "c");
}

TEST_F(HttpServerTest, ClosesWhenTheClientAsksForIt) {
  RawClient client(server_.port());
  const RawResponse response = client.ask(server_.get("/api/v1/small", "Connection: close\r\n"));
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.header("connection"), "close");
  EXPECT_TRUE(client.closes_within(std::chrono::seconds(5)));
}

TEST_F(HttpServerTest, AnswersHeadLikeGetWithoutBody) {
  RawClient client(server_.port());
  client.send(server_.request("HEAD", "/api/v1/small"));
  const RawResponse head = client.receive(true);
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.header("content-length"), "11");
  EXPECT_EQ(head.header("content-type"), "application/json");
  EXPECT_FALSE(head.headers.contains("accept-ranges"));
  client.send(server_.request("HEAD", "/api/v1/live"));
  EXPECT_EQ(client.receive(true).header("content-type"), "text/event-stream");
  // Nothing of a body is in between.
  EXPECT_EQ(client.ask(server_.get("/api/v1/items/x")).body, "x");
}

TEST_F(HttpServerTest, AnswersOptionsWithTheMethods) {
  RawClient client(server_.port());
  const RawResponse response = client.ask(server_.request("OPTIONS", "/api/v1/small"));
  EXPECT_EQ(response.status, 204);
  EXPECT_EQ(response.header("allow"), "GET, HEAD, OPTIONS");
  EXPECT_FALSE(response.headers.contains("content-length"));
  EXPECT_EQ(client.ask(server_.request("OPTIONS", "/api/v1/notes")).header("allow"),
            "POST, OPTIONS");
  expect_refusal(server_.request("OPTIONS", "/api/v1/small",
                                 "Origin: http://evil.test\r\n"
                                 "Access-Control-Request-Method: GET\r\n"),
                 403, "foreign_origin");
}

TEST_F(HttpServerTest, DecodesTheQueryInOrder) {
  RawClient client(server_.port());
  const RawResponse response =
      client.ask(server_.get("/api/v1/echo?b=1&a=%2B+x&b=%C3%A4&&flag&broken=%zz"));
  EXPECT_EQ(response.body, "b=1\na=+ x\nb=\xC3\xA4\nflag=\nbroken=%zz\n");
}

TEST_F(HttpServerTest, DecodesThePath) {
  RawClient client(server_.port());
  EXPECT_EQ(client.ask(server_.get("/api/v1/items/a%20b")).body, "a b");
}

TEST_F(HttpServerTest, TellsNothingAboutExceptions) {
  RawClient client(server_.port());
  const RawResponse response = client.ask(server_.get("/api/v1/throws"));
  EXPECT_EQ(response.status, 500);
  EXPECT_THAT(response.head + response.body, Not(HasSubstr("secret")));
  EXPECT_THAT(response.body, HasSubstr("\"internal\""));
}

TEST_F(HttpServerTest, RefusesUnknownPathsAndMethods) {
  expect_refusal(server_.get("/nothing"), 404, "not_found");
  expect_refusal(server_.get("/api/v1/items/"), 404, "not_found");
  expect_refusal(server_.get("/api/v1/items/a/b"), 404, "not_found");
  for (const char* method : {"PUT", "POST", "DELETE", "PATCH", "TRACE", "CONNECT", "BREW"}) {
    const auto response =
        expect_refusal(server_.request(method, "/api/v1/small"), 405, "method_not_allowed");
    EXPECT_EQ(response.header("allow"), "GET, HEAD, OPTIONS");
  }
  const auto response = expect_refusal(
      "CONNECT evil.test:443 HTTP/1.1\r\n" + own_host() + "\r\n\r\n", 405, "method_not_allowed");
  EXPECT_EQ(response.header("allow"), "GET, HEAD, OPTIONS");
}

TEST_F(HttpServerTest, RefusesForeignHosts) {
  const std::string get = "GET /api/v1/small HTTP/1.1\r\n";
  expect_refusal(get + "\r\n", 400, "bad_host");
  expect_refusal(get + own_host() + "\r\n" + own_host() + "\r\n\r\n", 400, "bad_host");
  expect_refusal(get + "Host: evil.test\r\n\r\n", 421, "misdirected_request");
  expect_refusal(get + "Host: 127.0.0.1:1\r\n\r\n", 421, "misdirected_request");
  // Pages and streams too.
  expect_refusal("GET / HTTP/1.1\r\nHost: evil.test\r\n\r\n", 421, "misdirected_request");
  expect_refusal("GET /api/v1/live HTTP/1.1\r\nHost: evil.test\r\n\r\n", 421,
                 "misdirected_request");
}

TEST_F(HttpServerTest, RefusesForeignOrigins) {
  expect_refusal(server_.get("/api/v1/small", "Origin: http://evil.test\r\n"), 403,
                 "foreign_origin");
  expect_refusal(server_.get("/api/v1/small", "Origin: null\r\n"), 403, "foreign_origin");
  expect_refusal(server_.get("/api/v1/small", "Sec-Fetch-Site: same-site\r\n"), 403,
                 "foreign_origin");
}

TEST_F(HttpServerTest, AsksForTokensOnChanges) {
  const std::string body = "{}";
  const std::string json = "Content-Type: application/json\r\n";
  const auto none =
      expect_refusal(server_.request("POST", "/api/v1/notes", json, body), 401, "token_required");
  EXPECT_EQ(none.header("www-authenticate"), "Bearer realm=\"blockwatch\"");
  expect_refusal(server_.request("POST", "/api/v1/notes",
                                 json + server_.token_line(TokenScope::kImport), body),
                 403, "scope_too_small");
  RawClient client(server_.port());
  const RawResponse response = client.ask(server_.request(
      "POST", "/api/v1/notes", json + server_.token_line(TokenScope::kAdmin), body));
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, body);
  // An empty body is read as one.
  EXPECT_EQ(
      client.ask(server_.request("POST", "/api/v1/notes", server_.token_line(TokenScope::kAdmin)))
          .body,
      "");
}

TEST_F(HttpServerTest, RefusesTokensInTheAddress) {
  expect_refusal(server_.get("/api/v1/small?token=x"), 400, "token_in_query");
}

TEST_F(HttpServerTest, RefusesDoubtfulFraming) {
  const std::string token = server_.token_line(TokenScope::kAdmin);
  const auto post = [&](const std::string& lines, const std::string& rest = {}) {
    return server_.request("POST", "/api/v1/notes", token + lines) + rest;
  };
  expect_refusal(post("Transfer-Encoding: chunked\r\n", "0\r\n\r\n"), 411, "length_required");
  expect_refusal(post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 411,
                 "length_required");
  expect_refusal(post("Transfer-Encoding: identity\r\n"), 411, "length_required");
  expect_refusal(server_.get("/api/v1/small", "Transfer-Encoding : chunked\r\n"), 400,
                 "bad_header");
  for (const char* length :
       {"abc", "-5", "+5", "5, 5", "0x10", "", "1e3", "99999999999999999999"}) {
    expect_refusal(post("Content-Length: " + std::string(length) + "\r\n", "hello"), 400,
                   "bad_content_length");
  }
  expect_refusal(post("Content-Length: 5\r\nContent-Length: 6\r\n", "hello!"), 400,
                 "bad_content_length");
  expect_refusal(post("Content-Length: 5\r\nContent-Length: 5\r\n", "hello"), 400,
                 "bad_content_length");
}

TEST_F(HttpServerTest, RefusesBodiesWhereNoneBelongs) {
  for (const char* method : {"GET", "HEAD", "OPTIONS"}) {
    RawClient client(server_.port());
    client.send(server_.request(method, "/api/v1/small", {}, "body"));
    const bool head_only = std::string(method) == "HEAD";
    EXPECT_EQ(client.receive(head_only).status, 400) << method;
    EXPECT_TRUE(client.closes_within(std::chrono::seconds(5)));
  }
}

// The second request hides in the body of the first.
TEST_F(HttpServerTest, AnswersASmuggledRequestNever) {
  const std::string hidden = server_.get("/api/v1/items/smuggled");
  RawClient client(server_.port());
  client.send(server_.request("GET", "/api/v1/small",
                              "Content-Length: " + std::to_string(hidden.size()) + "\r\n"));
  client.send(hidden);
  const std::string all = client.receive_all();
  EXPECT_THAT(all, HasSubstr("HTTP/1.1 400 "));
  EXPECT_THAT(all, Not(HasSubstr("smuggled")));

  RawClient second(server_.port());
  second.send(server_.request("POST", "/api/v1/notes",
                              "Content-Type: application/json\r\nContent-Length: " +
                                  std::to_string(hidden.size()) + "\r\n") +
              hidden);
  const std::string refused = second.receive_all();
  EXPECT_THAT(refused, HasSubstr("HTTP/1.1 401 "));
  EXPECT_THAT(refused, Not(HasSubstr("smuggled")));
}

TEST_F(HttpServerTest, RefusesUnreadableHeads) {
  const std::string host = own_host() + "\r\n";
  expect_refusal("GET /api/v1/small HTTP/1.1\n" + host + "\r\n", 400, "bad_line_end");
  expect_refusal("GET /api/v1/small HTTP/1.1\r\n" + own_host() + "\n\r\n", 400, "bad_line_end");
  expect_refusal("GET /api/v1/small\r\n" + host + "\r\n", 400, "bad_request_line");
  expect_refusal("\r\nGET / HTTP/1.1\r\n" + host + "\r\n", 400, "bad_request_line");
  expect_refusal("GET http://127.0.0.1/ HTTP/1.1\r\n" + host + "\r\n", 400, "bad_request_line");
  expect_refusal("GET /a b HTTP/1.1\r\n" + host + "\r\n", 400, "bad_request_line");
  expect_refusal("GET /%00 HTTP/1.1\r\n" + host + "\r\n", 400, "bad_request_line");
  expect_refusal("GET / HTTP/2.0\r\n" + host + "\r\n", 505, "http_version");
  expect_refusal("GET / HTTP/1.1\r\n" + host + "A: b\r\n folded\r\n\r\n", 400, "bad_header");
  expect_refusal("GET / HTTP/1.1\r\n" + host + ": x\r\n\r\n", 400, "bad_header");
  expect_refusal("GET / HTTP/1.1\r\n" + host + "no colon\r\n\r\n", 400, "bad_header");
  expect_refusal("GET / HTTP/1.1\r\n" + host + "A: b\rc\r\n\r\n", 400, "bad_header");
  expect_refusal("GET / HTTP/1.1\r\n" + host + "A: b" + std::string(1, '\0') + "\r\n\r\n", 400,
                 "bad_header");
  expect_refusal(server_.get("/api/v1/small", "Expect: 200-ok\r\n"), 417, "expectation_failed");
}

TEST_F(HttpServerTest, RefusesEncodingsAndTypesARouteDoesNotTake) {
  const std::string admin = server_.token_line(TokenScope::kAdmin);
  const std::string import = server_.token_line(TokenScope::kImport);
  expect_refusal(server_.get("/api/v1/small", "Content-Encoding: gzip\r\n"), 415,
                 "unsupported_media_type");
  expect_refusal(server_.request("POST", "/api/v1/notes",
                                 admin + "Content-Encoding: gzip\r\n"
                                         "Content-Type: application/json\r\n",
                                 "{}"),
                 415, "unsupported_media_type");
  for (const char* type : {"text/plain", "multipart/form-data; boundary=x", "application/jsonx"}) {
    expect_refusal(
        server_.request("POST", "/api/v1/notes", admin + "Content-Type: " + type + "\r\n", "{}"),
        415, "unsupported_media_type");
  }
  expect_refusal(server_.request("POST", "/api/v1/notes", admin, "{}"), 415,
                 "unsupported_media_type");
  RawClient client(server_.port());
  EXPECT_EQ(
      client
          .ask(server_.request("POST", "/api/v1/notes",
                               admin + "Content-Type: Application/JSON; charset=utf-8\r\n", "{}"))
          .status,
      200);
  EXPECT_EQ(client
                .ask(server_.request("POST", "/api/v1/imports",
                                     import + "Content-Encoding: GZIP\r\n", "bytes"))
                .body,
            "5");
}

TEST_F(HttpServerTest, RefusesWhatIsTooLarge) {
  const std::string admin =
      server_.token_line(TokenScope::kAdmin) + "Content-Type: application/json\r\n";
  RawClient client(server_.port());
  EXPECT_EQ(
      client.ask(server_.request("POST", "/api/v1/notes", admin, std::string(1000, 'x'))).status,
      200);
  expect_refusal(server_.request("POST", "/api/v1/notes", admin, std::string(1001, 'x')), 413,
                 "content_too_large");
  // Refused by its length alone: the body is never sent.
  expect_refusal(server_.request("POST", "/api/v1/imports", "Content-Length: 8388609\r\n"), 413,
                 "content_too_large");
  expect_refusal(server_.get("/" + std::string(256, 'a')), 414, "uri_too_long");
  expect_refusal(server_.get("/?" + std::string(8192, 'a')), 414, "uri_too_long");
  expect_refusal("GET /" + std::string(20'000, 'a'), 414, "uri_too_long");
  EXPECT_EQ(client.ask(server_.get("/?" + std::string(8190, 'a'))).status, 200);

  std::string lines;
  for (int i = 0; i < 99; ++i) lines += "A: b\r\n";
  EXPECT_EQ(client.ask(server_.get("/", lines)).status, 200);
  expect_refusal(server_.get("/", lines + "A: b\r\n"), 431, "header_too_large");
  expect_refusal(server_.get("/", "A: " + std::string(33'000, 'x') + "\r\n"), 431,
                 "header_too_large");
  expect_refusal(server_.get("/", "A: " + std::string(200'000, 'x')), 431, "header_too_large");
}

TEST_F(HttpServerTest, RefusesSeveralRanges) {
  expect_refusal(server_.get("/api/v1/small", "Range: bytes=0-1,3-4\r\n"), 416,
                 "range_not_satisfiable");
  expect_refusal(server_.get("/api/v1/small", "Range: bytes=0-1\r\nRange: bytes=3-4\r\n"), 416,
                 "range_not_satisfiable");
  // One may be ignored (RFC 9110, 14.2).
  RawClient client(server_.port());
  const RawResponse response = client.ask(server_.get("/api/v1/small", "Range: bytes=0-1\r\n"));
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, R"({"ok":true})");
}

TEST_F(HttpServerTest, CompressesNothingByItself) {
  RawClient client(server_.port());
  const RawResponse response =
      client.ask(server_.get("/api/v1/small", "Accept-Encoding: gzip, br\r\n"));
  EXPECT_FALSE(response.headers.contains("content-encoding"));
  EXPECT_EQ(response.body, R"({"ok":true})");
}

TEST_F(HttpServerTest, ReadsLargeBodiesPieceByPiece) {
  const std::string body(3'000'000, 'x');
  RawClient client(server_.port());
  const RawResponse response = client.ask(
      server_.request("POST", "/api/v1/imports", server_.token_line(TokenScope::kImport), body));
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, "3000000");
  // The connection is at the next request.
  EXPECT_EQ(client.ask(server_.get("/api/v1/items/x")).body, "x");
}

TEST_F(HttpServerTest, SendsContinueOnlyWhenTheBodyIsWanted) {
  const std::string expect = "Expect: 100-continue\r\nContent-Length: 4\r\n";
  RawClient client(server_.port());
  client.send(
      server_.request("POST", "/api/v1/imports", server_.token_line(TokenScope::kImport) + expect));
  EXPECT_EQ(client.receive().status, 100);
  client.send("body");
  EXPECT_EQ(client.receive().body, "4");

  RawClient refused(server_.port());
  refused.send(server_.request("POST", "/api/v1/imports", expect));
  EXPECT_EQ(refused.receive().status, 401);
}

TEST_F(HttpServerTest, SpeaksHttp10) {
  RawClient client(server_.port());
  const RawResponse response =
      client.ask("GET /api/v1/numbers HTTP/1.0\r\n" + own_host() + "\r\n\r\n");
  EXPECT_EQ(response.status, 200);
  EXPECT_FALSE(response.headers.contains("transfer-encoding"));
  EXPECT_THAT(response.body, testing::EndsWith("\n9999\n"));
  RawClient kept(server_.port());
  const std::string keep =
      "GET /api/v1/small HTTP/1.0\r\n" + own_host() + "\r\nConnection: keep-alive\r\n\r\n";
  EXPECT_EQ(kept.ask(keep).header("connection"), "keep-alive");
  EXPECT_EQ(kept.ask(keep).status, 200);
}

TEST_F(HttpServerTest, CountsWhatItDoes) {
  RawClient client(server_.port());
  client.ask(server_.get("/api/v1/small"));
  expect_refusal(server_.get("/nothing"), 404, "not_found");
  const HttpCounters counters = server_.http().counters();
  EXPECT_EQ(counters.requests, 2U);
  EXPECT_EQ(counters.refused, 1U);
  EXPECT_GE(counters.connections, 1U);
  EXPECT_EQ(counters.streams, 0U);
}

TEST(HttpServerBindTest, CanBeStoppedBeforeItRuns) {
  const Router router({});
  TempDir folder;
  const auto tokens = TokenStore::open(folder.path("tokens"));
  ASSERT_TRUE(tokens);
  Sessions sessions;
  const Access access({}, **tokens, sessions);
  HttpServer server(router, access, one_listener());
  server.stop();
  server.run();
}

}  // namespace
}  // namespace blockwatch
