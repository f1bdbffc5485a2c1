#include "server/problem.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace blockwatch {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(ProblemTest, HasTheMembersOfTheContract) {
  const http::Response response = to_response({400,
                                               "unknown_parameter",
                                               "One parameter is unknown.",
                                               "See /docs.",
                                               {{"directoin", "inbound", "direction"}}});
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(response.content_type, "application/problem+json");
  EXPECT_EQ(nlohmann::json::parse(response.body), nlohmann::json::parse(R"({
    "type": "urn:blockwatch:problem:unknown_parameter", "title": "Bad Request", "status": 400,
    "detail": "One parameter is unknown.", "code": "unknown_parameter", "hint": "See /docs.",
    "errors": [{"parameter": "directoin", "value": "inbound", "expected": "direction"}]})"));
}

TEST(ProblemTest, LeavesOutWhatIsEmpty) {
  const auto json = nlohmann::json::parse(to_response({404, "not_found", "No.", {}, {}}).body);
  EXPECT_FALSE(json.contains("hint"));
  EXPECT_FALSE(json.contains("errors"));
}

TEST(ProblemTest, IsValidUtf8WhateverTheClientSent) {
  const http::Response response =
      to_response({400, "bad", "x", {}, {{"a\xFF", std::string("\xC3\x00", 2), "b"}}});
  const auto json = nlohmann::json::parse(response.body);
  EXPECT_EQ(json["errors"][0]["parameter"], "a\xEF\xBF\xBD");
}

TEST(ProblemTest, MapsErrorsToStatuses) {
  const auto status = [](ErrorCode code) { return to_problem({code, "m"}).status; };
  EXPECT_EQ(status(ErrorCode::kInvalidArgument), 400);
  EXPECT_EQ(status(ErrorCode::kPermission), 403);
  EXPECT_EQ(status(ErrorCode::kNotFound), 404);
  EXPECT_EQ(status(ErrorCode::kConflict), 409);
  EXPECT_EQ(status(ErrorCode::kGone), 410);
  EXPECT_EQ(status(ErrorCode::kUnsupported), 415);
  EXPECT_EQ(status(ErrorCode::kCorrupt), 500);
  EXPECT_EQ(status(ErrorCode::kIo), 500);
  EXPECT_EQ(status(ErrorCode::kInternal), 500);
  EXPECT_EQ(status(ErrorCode::kUnavailable), 503);
}

TEST(ProblemTest, KeepsInternalMessagesFromTheClient) {
  for (const ErrorCode code : {ErrorCode::kIo, ErrorCode::kCorrupt, ErrorCode::kInternal}) {
    EXPECT_THAT(to_response(to_problem({code, "/home/user/x.db: disk"})).body,
                Not(HasSubstr("x.db")));
  }
  EXPECT_THAT(to_response(to_problem({ErrorCode::kNotFound, "no event 7"})).body,
              HasSubstr("no event 7"));
}

}  // namespace
}  // namespace blockwatch
