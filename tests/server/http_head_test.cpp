// Heads of requests, and what is added to answers, without a connection.

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "server/answer_headers.h"
#include "server/request_head.h"
#include "storage/words.h"

namespace blockwatch {
namespace {

// Feeds the bytes in pieces of random sizes.
HeadScanner::State scan_in_pieces(HeadScanner& scanner, const std::string& text, unsigned seed) {
  std::mt19937 random(seed);
  std::size_t size = 0;
  HeadScanner::State state = HeadScanner::State::kMore;
  while (state == HeadScanner::State::kMore && size < text.size()) {
    size = std::min(text.size(), size + 1 + random() % 7);
    state = scanner.scan(std::string_view(text).substr(0, size));
  }
  return state;
}

TEST(HeadScannerTest, FindsTheEndHoweverTheBytesCome) {
  const std::string head = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  for (unsigned seed = 0; seed < 50; ++seed) {
    HeadScanner scanner;
    ASSERT_EQ(scan_in_pieces(scanner, head + "GET /next", seed), HeadScanner::State::kComplete)
        << "seed " << seed;
    ASSERT_EQ(scanner.head_bytes(), head.size());
  }
}

TEST(HeadScannerTest, StopsAtItsLimits) {
  const auto status = [](const std::string& text) {
    HeadScanner scanner;
    const auto state = scan_in_pieces(scanner, text, 1);
    return state == HeadScanner::State::kFault ? scanner.fault().status : 0;
  };
  EXPECT_EQ(status("GET /" + std::string(9000, 'a')), 414);
  EXPECT_EQ(status("GET / HTTP/1.1\r\nA: " + std::string(33'000, 'a')), 431);
  std::string lines = "GET / HTTP/1.1\r\n";
  for (std::size_t i = 0; i < kMaxHeaders; ++i) lines += "A: b\r\n";
  EXPECT_EQ(status(lines + "\r\n"), 0);
  EXPECT_EQ(status(lines + "A: b\r\n"), 431);
  EXPECT_EQ(status("GET / HTTP/1.1\n"), 400);
  EXPECT_EQ(status("\n"), 400);
  EXPECT_EQ(status("\r\n"), 400);
}

TEST(RequestHeadTest, KeepsHeadersInOrder) {
  const auto head =
      parse_request_head("GET /a?x=1 HTTP/1.1\r\nB: 1 \r\na:\t2\r\nb: 3\r\nempty:\r\n\r\n");
  ASSERT_TRUE(head);
  EXPECT_EQ(head->target, "/a?x=1");
  EXPECT_EQ(head->path, "/a");
  EXPECT_EQ(head->all("b"), (std::vector<std::string_view>{"1", "3"}));
  EXPECT_EQ(head->first("A"), "2");
  EXPECT_EQ(head->first("empty"), "");
  EXPECT_EQ(head->first("none"), std::nullopt);
  EXPECT_FALSE(head->content_length);
}

TEST(RequestHeadTest, ReadsWhatTheConnectionIsFor) {
  const auto keeps = [](const std::string& version, const std::string& lines) {
    const auto head = parse_request_head("GET / " + version + "\r\n" + lines + "\r\n");
    return head && head->keep_alive;
  };
  EXPECT_TRUE(keeps("HTTP/1.1", ""));
  EXPECT_FALSE(keeps("HTTP/1.1", "Connection: close\r\n"));
  EXPECT_FALSE(keeps("HTTP/1.1", "Connection: upgrade, Close\r\n"));
  EXPECT_FALSE(keeps("HTTP/1.1", "Connection: keep-alive\r\nConnection: close\r\n"));
  EXPECT_FALSE(keeps("HTTP/1.0", ""));
  EXPECT_TRUE(keeps("HTTP/1.0", "Connection: Keep-Alive\r\n"));
}

TEST(RequestHeadTest, NeedsTheEmptyLine) {
  EXPECT_FALSE(parse_request_head(""));
  EXPECT_FALSE(parse_request_head("GET / HTTP/1.1"));
  EXPECT_FALSE(parse_request_head("GET / HTTP/1.1\r\nA: b\r\n"));
}

TEST(AnswerHeadersTest, WritesDatesAsHttpDoes) {
  EXPECT_EQ(to_http_date(Timestamp{784'111'777 * Timestamp::kTicksPerSecond + 5}),
            "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(to_http_date(Timestamp{}), "Thu, 01 Jan 1970 00:00:00 GMT");
  EXPECT_EQ(to_http_date(Timestamp{1'709'164'800 * Timestamp::kTicksPerSecond}),
            "Thu, 29 Feb 2024 00:00:00 GMT");
}

std::size_t count(const http::Response& response, std::string_view name) {
  std::size_t found = 0;
  for (const auto& header : response.headers) {
    if (equal_ignoring_case(header.first, name)) ++found;
  }
  return found;
}

TEST(AnswerHeadersTest, CannotBeWeakenedOrSplit) {
  http::Response response;
  response.set("content-security-policy", "default-src *");
  response.set("X-Echo", "a\r\nSet-Cookie: b");
  response.set("X\r\nY", "a");
  response.set("X-Fine", "a\tb");
  add_answer_headers(response, "/", Timestamp{});
  EXPECT_EQ(count(response, "Content-Security-Policy"), 1U);
  EXPECT_EQ(count(response, "X-Echo"), 0U);
  EXPECT_EQ(count(response, "X-Fine"), 1U);
  for (const auto& [name, value] : response.headers) {
    EXPECT_EQ((name + value).find_first_of("\r\n"), std::string::npos);
  }
}

TEST(AnswerHeadersTest, DecidesWhatMayBeKept) {
  const auto stored = [](int status, std::string_view path, bool decided) {
    http::Response response;
    response.status = status;
    if (decided) response.set("cache-control", "max-age=60");
    add_answer_headers(response, path, Timestamp{});
    return count(response, "Cache-Control");
  };
  EXPECT_EQ(stored(200, "/api/v1/events", false), 1U);
  EXPECT_EQ(stored(200, "/health/live", false), 1U);
  EXPECT_EQ(stored(200, "/docs", false), 0U);
  EXPECT_EQ(stored(404, "/docs", false), 1U);
  EXPECT_EQ(stored(200, "/api/v1/events", true), 1U);
}

}  // namespace
}  // namespace blockwatch
