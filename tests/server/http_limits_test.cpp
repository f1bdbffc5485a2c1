// Slow, silent and too many clients, and the end of the server among them.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/server/test_server.h"
#include "tests/support/eventually.h"

namespace blockwatch {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;
using testing::HasSubstr;

HttpServerOptions short_deadlines() {
  HttpServerOptions options;
  options.header_deadline = milliseconds(300);
  options.body_deadline = milliseconds(300);
  options.idle_timeout = milliseconds(300);
  options.write_deadline = milliseconds(500);
  options.stream_stall = milliseconds(500);
  return options;
}

// Sends a byte every 20 ms until the server answers or `count` are sent.
std::string drip(RawClient& client, int count) {
  for (int i = 0; i < count; ++i) {
    if (!client.send("a") || client.closes_within(milliseconds(20))) break;
  }
  return client.receive_all();
}

TEST(HttpDeadlineTest, CutsSlowHeads) {
  TestServer server(short_deadlines());
  RawClient client(server.port());
  const auto begin = steady_clock::now();
  client.send("GET /");
  EXPECT_THAT(drip(client, 500), HasSubstr("HTTP/1.1 408 "));
  EXPECT_LT(steady_clock::now() - begin, seconds(5));
}

TEST(HttpDeadlineTest, CutsShortBodiesByTheirTotalTime) {
  TestServer server(short_deadlines());
  RawClient client(server.port());
  client.send(server.request("POST", "/api/v1/notes",
                             server.token_line(TokenScope::kAdmin) +
                                 "Content-Type: application/json\r\nContent-Length: 900\r\n"));
  EXPECT_THAT(drip(client, 500), HasSubstr("HTTP/1.1 408 "));
}

TEST(HttpDeadlineTest, CutsImportsOnlyWhenTheyStall) {
  TestServer server(short_deadlines());
  const std::string head = server.request(
      "POST", "/api/v1/imports", server.token_line(TokenScope::kImport) + "Content-Length: 50\r\n");
  RawClient slow(server.port());
  slow.send(head);
  const auto begin = steady_clock::now();
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(slow.send("a"));
    ASSERT_FALSE(i < 49 && slow.closes_within(milliseconds(20)));
  }
  EXPECT_EQ(slow.receive().body, "50");
  EXPECT_GT(steady_clock::now() - begin, milliseconds(300)) << "longer than the deadline";

  RawClient stalled(server.port());
  stalled.send(head + "some");
  const RawResponse response = stalled.receive();
  EXPECT_EQ(response.status, 408);
  EXPECT_EQ(response.header("content-type"), "application/problem+json");
  EXPECT_TRUE(stalled.closes_within(seconds(5)));
}

TEST(HttpDeadlineTest, ClosesSilentConnectionsWithoutAWord) {
  TestServer server(short_deadlines());
  RawClient silent(server.port());
  EXPECT_TRUE(silent.closes_within(seconds(5)));
  EXPECT_EQ(silent.receive_all(), "");
  RawClient idle(server.port());
  EXPECT_EQ(idle.ask(server.get("/")).status, 200);
  EXPECT_TRUE(idle.closes_within(seconds(5)));
  EXPECT_EQ(idle.receive_all(), "");
}

TEST(HttpDeadlineTest, CutsStreamsWhoseReaderStalls) {
  TestServer server(short_deadlines());
  server.flood_lines = 1'000'000;
  RawClient client(server.port(), 4096);
  client.send(server.get("/api/v1/flood"));
  EXPECT_TRUE(eventually([&] { return server.http().counters().streams == 1; }));
  EXPECT_TRUE(eventually([&] { return server.http().counters().streams == 0; }));
  EXPECT_FALSE(client.receive().complete);
}

// The stall is longer than a normal answer's deadline, and shorter than a stream's.
TEST(HttpStreamTest, LosesNothingWhenTheReaderPauses) {
  HttpServerOptions options;
  options.write_deadline = milliseconds(100);
  TestServer server(options);
  RawClient client(server.port(), 4096);
  client.send(server.get("/api/v1/flood"));
  ASSERT_TRUE(eventually([&] { return server.http().counters().streams == 1; }));
  const auto begin = steady_clock::now();
  ASSERT_TRUE(eventually([&] { return steady_clock::now() - begin > milliseconds(700); }));
  const RawResponse response = client.receive();
  EXPECT_TRUE(response.complete);
  std::string wanted;
  for (int i = 0; i < 10'000; ++i) {
    std::string line = std::to_string(i);
    line.resize(999, '.');
    wanted += line + "\n";
  }
  EXPECT_EQ(response.body.size(), wanted.size());
  EXPECT_TRUE(response.body == wanted);
}

TEST(HttpStreamTest, ReachesTheClientAtOnce) {
  TestServer server;
  RawClient client(server.port());
  client.send(server.get("/api/v1/live"));
  const std::string text = client.receive_until("tick\n");
  EXPECT_THAT(text, HasSubstr("Transfer-Encoding: chunked\r\n"));
  EXPECT_THAT(text, HasSubstr("frame-ancestors 'none'"));
  EXPECT_THAT(text, HasSubstr("5\r\ntick\n\r\n"));
}

TEST(HttpStreamTest, EndsWhenTheClientGoes) {
  TestServer server;
  {
    RawClient client(server.port());
    client.send(server.get("/api/v1/live"));
    client.receive_until("tick\n");
    EXPECT_EQ(server.live_streams, 1);
  }
  EXPECT_TRUE(eventually([&] { return server.live_streams == 0; }));
  EXPECT_TRUE(eventually([&] { return server.http().counters().streams == 0; }));
}

TEST(HttpStreamTest, HasACapOfItsOwn) {
  HttpServerOptions options;
  options.max_streams = 3;
  TestServer server(options);
  std::vector<std::unique_ptr<RawClient>> streams;
  for (int i = 0; i < 3; ++i) {
    streams.push_back(std::make_unique<RawClient>(server.port()));
    streams.back()->send(server.get("/api/v1/live"));
    ASSERT_THAT(streams.back()->receive_until("tick\n"), HasSubstr("200 OK"));
  }
  RawClient refused(server.port());
  const RawResponse response = refused.ask(server.get("/api/v1/live"));
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(response.header("retry-after"), "1");
  EXPECT_TRUE(refused.closes_within(seconds(5)));
  // An answer that turns out to be a stream counts as well.
  RawClient unexpected(server.port());
  EXPECT_EQ(unexpected.ask(server.get("/api/v1/numbers")).status, 503);
  RawClient normal(server.port());
  EXPECT_EQ(normal.ask(server.get("/api/v1/small")).status, 200);

  streams.pop_back();
  EXPECT_TRUE(eventually([&] {
    RawClient again(server.port());
    return again.ask(server.get("/api/v1/numbers")).status == 200;
  }));
}

TEST(HttpStreamTest, StalledReadersDelayNobody) {
  TestServer server;
  server.flood_lines = 1'000'000;
  std::vector<std::unique_ptr<RawClient>> stalled;
  for (int i = 0; i < 16; ++i) {
    stalled.push_back(std::make_unique<RawClient>(server.port(), 4096));
    stalled.back()->send(server.get("/api/v1/flood"));
  }
  ASSERT_TRUE(eventually([&] { return server.http().counters().streams == 16; }));
  RawClient live(server.port());
  live.send(server.get("/api/v1/live"));
  EXPECT_THAT(live.receive_until("tick\n\r\n5\r\ntick\n"), HasSubstr("tick"));
  RawClient client(server.port());
  for (int i = 0; i < 50; ++i) {
    const auto begin = steady_clock::now();
    ASSERT_EQ(client.ask(server.get("/api/v1/small")).status, 200);
    EXPECT_LT(steady_clock::now() - begin, seconds(2));
  }
}

TEST(HttpStreamTest, ExportsHaveASmallerCap) {
  HttpServerOptions options;
  options.max_exports = 1;
  TestServer server(options);
  RawClient live(server.port());
  live.send(server.get("/api/v1/live"));
  ASSERT_THAT(live.receive_until("tick\n"), HasSubstr("200 OK"));
  RawClient refused(server.port());
  EXPECT_EQ(refused.ask(server.get("/api/v1/numbers")).status, 503);
  RawClient given(server.port());
  given.send(server.get("/api/v1/given"));
  EXPECT_EQ(given.receive(true).status, 200) << "this one needs no thread";
}

// What was handed over has its place among the streams until it is let go, and none among the
// connections, which have threads.
TEST(HttpHandOverTest, CountsAsAStreamAndTakesNoPlaceOfAConnection) {
  HttpServerOptions options;
  options.max_streams = 3;
  options.max_connections = 2;
  TestServer server(options);
  std::vector<std::unique_ptr<RawClient>> clients;
  for (std::size_t i = 0; i < 3; ++i) {
    clients.push_back(std::make_unique<RawClient>(server.port()));
    clients.back()->send(server.get("/api/v1/given"));
    ASSERT_EQ(clients.back()->receive(true).status, 200);
    ASSERT_TRUE(eventually([&] { return server.given_count() == i + 1; }));
  }
  EXPECT_EQ(server.http().counters().streams, 3U);
  EXPECT_TRUE(eventually([&] { return server.http().counters().connections == 3; }));
  RawClient refused(server.port());
  EXPECT_EQ(refused.ask(server.get("/api/v1/given")).status, 503);
  RawClient normal(server.port());
  EXPECT_EQ(normal.ask(server.get("/api/v1/small")).status, 200);
  server.take_given();
  EXPECT_EQ(server.http().counters().streams, 0U);
  EXPECT_EQ(clients.front()->receive_all(), "") << "closed without a last chunk: not whole";
}

TEST(HttpHandOverTest, SendsChunksAndTheirEnd) {
  TestServer server;
  RawClient client(server.port());
  client.send(server.get("/api/v1/given"));
  ASSERT_TRUE(eventually([&] { return server.given_count() == 1; }));
  std::vector<LiveConnection> given = server.take_given();
  const auto chunk = std::make_shared<SharedChunk>("0123456789abcdef!");
  ASSERT_TRUE(given.front().send(chunk, steady_clock::now()));
  EXPECT_TRUE(given.front().idle());
  EXPECT_TRUE(given.front().is_client_there());
  given.front().end();
  const RawResponse response = client.receive();
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.header("transfer-encoding"), "chunked");
  EXPECT_EQ(response.header("content-type"), "text/event-stream");
  EXPECT_EQ(response.header("x-content-type-options"), "nosniff");
  EXPECT_EQ(response.body, "0123456789abcdef!");
  EXPECT_TRUE(response.complete);
  given.clear();
  EXPECT_TRUE(client.closes_within(seconds(5)));
}

TEST(HttpHandOverTest, SendsHttp10ClientsPlainText) {
  TestServer server;
  RawClient client(server.port());
  client.send("GET /api/v1/given HTTP/1.0\r\nHost: 127.0.0.1:" + std::to_string(server.port()) +
              "\r\n\r\n");
  ASSERT_TRUE(eventually([&] { return server.given_count() == 1; }));
  std::vector<LiveConnection> given = server.take_given();
  ASSERT_TRUE(given.front().send(std::make_shared<SharedChunk>("text"), steady_clock::now()));
  given.front().end();
  EXPECT_TRUE(client.receive_all().ends_with("\r\n\r\ntext"));
}

TEST(HttpHandOverTest, HeadKeepsItsConnection) {
  TestServer server;
  RawClient client(server.port());
  client.send(server.request("HEAD", "/api/v1/given"));
  EXPECT_EQ(client.receive(true).status, 200);
  EXPECT_TRUE(eventually([&] { return server.http().counters().connections == 0; }));
  EXPECT_EQ(server.given_count(), 0U);
}

// Until nothing more fits the bytes are kept, and nothing is lost when the client reads again.
TEST(HttpHandOverTest, ASlowClientIsWaitedForAndThenGivenUp) {
  HttpServerOptions options;
  options.stream_stall = milliseconds(200);
  TestServer server(options);
  RawClient client(server.port(), 4096);
  client.send(server.get("/api/v1/given"));
  ASSERT_TRUE(eventually([&] { return server.given_count() == 1; }));
  std::vector<LiveConnection> given = server.take_given();
  LiveConnection& connection = given.front();
  const std::string text(10'000, 'x');
  const auto chunk = std::make_shared<SharedChunk>(text);
  const auto begin = steady_clock::now();
  std::size_t sent = 0;
  while (connection.idle()) {
    ASSERT_TRUE(connection.send(chunk, begin));
    ++sent;
  }
  EXPECT_TRUE(connection.flush(begin + milliseconds(199)));
  EXPECT_FALSE(connection.flush(begin + milliseconds(200))) << "it stalled for too long";
  std::thread reader([&] { client.closes_within(seconds(20)); });
  ASSERT_TRUE(eventually([&] {
    const Socket::Handle handle = connection.handle();
    wait_any_writable({&handle, 1}, milliseconds(10));
    return connection.flush(begin) && connection.idle();
  }));
  connection.end();
  given.clear();
  reader.join();
  const RawResponse response = client.receive();
  EXPECT_TRUE(response.complete);
  EXPECT_EQ(response.body.size(), sent * text.size());
}

TEST(HttpCapTest, TellsOneConnectionTooMany) {
  HttpServerOptions options;
  options.max_connections = 4;
  options.idle_timeout = seconds(60);
  TestServer server(options);
  std::vector<std::unique_ptr<RawClient>> streams;
  for (int i = 0; i < 4; ++i) {
    streams.push_back(std::make_unique<RawClient>(server.port()));
    streams.back()->send(server.get("/api/v1/live"));
    ASSERT_THAT(streams.back()->receive_until("tick\n"), HasSubstr("200 OK"));
  }
  RawClient refused(server.port());
  const RawResponse response = refused.ask(server.get("/api/v1/small"));
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(response.header("retry-after"), "1");
  EXPECT_EQ(response.header("content-type"), "application/problem+json");
  EXPECT_TRUE(refused.closes_within(seconds(5)));
  streams.clear();
  EXPECT_TRUE(eventually([&] {
    RawClient again(server.port());
    return again.ask(server.get("/api/v1/small")).status == 200;
  }));
}

// Who asks for much and does not take it fills no memory, and keeps nobody from small answers.
TEST(HttpCapTest, LargeAnswersThatAreNotTakenHaveACap) {
  HttpServerOptions options;
  options.max_answer_bytes = TestServer::kLargeAnswer + 1;
  TestServer server(options);
  auto slow = std::make_unique<RawClient>(server.port(), 4096);
  slow->send(server.get("/api/v1/large"));
  ASSERT_EQ(slow->receive(true).status, 200);
  RawClient refused(server.port());
  const RawResponse response = refused.ask(server.get("/api/v1/large"));
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(response.header("retry-after"), "1");
  RawClient small(server.port());
  EXPECT_EQ(small.ask(server.get("/api/v1/small")).status, 200);
  slow.reset();
  EXPECT_TRUE(eventually([&] {
    RawClient again(server.port());
    return again.ask(server.get("/api/v1/large")).body.size() == TestServer::kLargeAnswer;
  }));
}

// Nobody has a copy of his own.
TEST(HttpCapTest, SharedAnswersThatAreNotTakenNeedNone) {
  HttpServerOptions options;
  options.max_answer_bytes = 1;
  TestServer server(options);
  RawClient slow(server.port(), 4096);
  slow.send(server.get("/api/v1/shared"));
  ASSERT_EQ(slow.receive(true).status, 200);
  RawClient client(server.port());
  client.send(server.request("HEAD", "/api/v1/shared"));
  const RawResponse head = client.receive(true);
  EXPECT_EQ(head.header("content-length"), std::to_string(TestServer::kLargeAnswer));
  const RawResponse response = client.ask(server.get("/api/v1/shared"));
  EXPECT_TRUE(response.complete);
  EXPECT_EQ(response.body, std::string(TestServer::kLargeAnswer, 's'));
  EXPECT_EQ(client.ask(server.get("/api/v1/items/x")).body, "x") << "and the connection goes on";
}

// Idle connections make room for others long before their own time is over.
TEST(HttpCapTest, SilentConnectionsDoNotKeepOthersOut) {
  HttpServerOptions options;
  options.max_connections = 8;
  options.idle_timeout = seconds(60);
  TestServer server(options);
  std::vector<std::unique_ptr<RawClient>> silent;
  for (int i = 0; i < 40; ++i) silent.push_back(std::make_unique<RawClient>(server.port()));
  EXPECT_TRUE(eventually([&] {
    RawClient client(server.port());
    return client.ask(server.get("/api/v1/small")).status == 200;
  }));
}

TEST(HttpStopTest, EndsWithStreamsOpen) {
  auto server = std::make_unique<TestServer>();
  server->flood_lines = 1'000'000;
  RawClient live(server->port());
  live.send(server->get("/api/v1/live"));
  live.receive_until("tick\n");
  RawClient stalled(server->port(), 4096);
  stalled.send(server->get("/api/v1/flood"));
  RawClient uploading(server->port());
  uploading.send(
      server->request("POST", "/api/v1/imports",
                      server->token_line(TokenScope::kImport) + "Content-Length: 100\r\n") +
      "some");
  RawClient half_head(server->port());
  half_head.send("GET /api");
  RawClient idle(server->port());
  ASSERT_TRUE(eventually([&] {
    const HttpCounters counters = server->http().counters();
    return counters.streams == 2 && counters.connections == 5;
  }));
  const auto begin = steady_clock::now();
  server->stop();
  EXPECT_LT(steady_clock::now() - begin, seconds(5));
  EXPECT_EQ(server->http().counters().connections, 0U);
  EXPECT_TRUE(live.closes_within(seconds(1)));
  EXPECT_TRUE(idle.closes_within(seconds(1)));
  const int port = server->port();
  server.reset();
  // Nothing listens any more, and the port can be taken again at once.
  EXPECT_FALSE(RawClient(port).connected());
  TestServer again({}, {}, {.port = port});
  RawClient client(port);
  EXPECT_EQ(client.ask(again.get("/api/v1/small")).status, 200);
}

TEST(HttpStopTest, GivesUpOnAHandlerThatHangs) {
  HttpServerOptions options;
  options.stop_grace = milliseconds(200);
  TempDir folder;
  const auto tokens = TokenStore::open(folder.path("tokens"));
  ASSERT_TRUE(tokens);
  std::atomic<bool> release{false};
  std::atomic<bool> entered{false};
  const Router router(
      {{"GET", "/hang", "hang", Permission::kNothing, [&](const http::Request& /*request*/) {
          entered = true;
          release.wait(false);
          return http::Response{};
        }}});
  Sessions sessions;
  const Access access({}, **tokens, sessions);
  auto listeners = one_listener();
  const int port = listeners.front().address().port;
  HttpServer server(router, access, std::move(listeners), options);
  std::thread runner([&] { server.run(); });
  RawClient client(port);
  client.send("GET /hang HTTP/1.1\r\nHost: localhost:" + std::to_string(port) + "\r\n\r\n");
  ASSERT_TRUE(eventually([&] { return entered.load(); }));
  const auto begin = steady_clock::now();
  server.stop();
  runner.join();
  EXPECT_LT(steady_clock::now() - begin, seconds(3));
  release = true;
  release.notify_all();
}

// All connect before the first is accepted: the listening socket must hold them.
TEST(HttpLoadTest, TakesABurstOfConnections) {
  TempDir folder;
  const auto tokens = TokenStore::open(folder.path("tokens"));
  ASSERT_TRUE(tokens);
  const Router router({{"GET", "/", "page", Permission::kNothing,
                        [](const http::Request& /*request*/) { return http::Response{}; }}});
  Sessions sessions;
  const Access access({}, **tokens, sessions);
  auto listeners = one_listener();
  const int port = listeners.front().address().port;
  HttpServer server(router, access, std::move(listeners));
  const std::string request =
      "GET / HTTP/1.1\r\nHost: localhost:" + std::to_string(port) + "\r\n\r\n";
  std::vector<std::unique_ptr<RawClient>> clients;
  const auto begin = steady_clock::now();
  for (int i = 0; i < 200; ++i) {
    clients.push_back(std::make_unique<RawClient>(port));
    ASSERT_TRUE(clients.back()->connected());
    ASSERT_TRUE(clients.back()->send(request));
  }
  // A full backlog makes the kernel repeat the handshake after a second.
  EXPECT_LT(steady_clock::now() - begin, milliseconds(900));
  std::thread runner([&] { server.run(); });
  for (auto& client : clients) EXPECT_EQ(client->receive().status, 200);
  server.stop();
  runner.join();
}

// With and without connections that are used again.
TEST(HttpLoadTest, Answers10000RequestsOf200Clients) {
  TestServer server;
  // To tell who has a connection, Wine goes through the open files of all its programs once for
  // each connection that there is: the square of the crowd, hours for this one.
  const std::string shown = is_wine() ? server.token_line(TokenScope::kRead) : std::string();
  std::atomic<int> good{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 200; ++t) {
    threads.emplace_back([&, t] {
      const bool keep = t % 2 == 0;
      const std::string request = server.get("/api/v1/items/" + std::to_string(t),
                                             shown + (keep ? "" : "Connection: close\r\n"));
      std::unique_ptr<RawClient> client;
      for (int i = 0; i < 50; ++i) {
        if (!client || !keep) client = std::make_unique<RawClient>(server.port());
        const RawResponse response = client->ask(request);
        if (response.status == 200 && response.body == std::to_string(t)) ++good;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(good, 10'000);
}

}  // namespace
}  // namespace blockwatch
