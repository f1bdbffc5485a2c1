#include "server/problem.h"

#include <spdlog/spdlog.h>

#include <array>
#include <nlohmann/json.hpp>
#include <utility>

namespace blockwatch {
namespace {

constexpr std::string_view kTypePrefix = "urn:blockwatch:problem:";

// Titles of RFC 9110, section 15 (429: RFC 6585, 431: RFC 6585, 428: RFC 6585).
constexpr std::array<std::pair<int, std::string_view>, 24> kTitles{{
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {503, "Service Unavailable"},
    {505, "HTTP Version Not Supported"},
}};

std::string_view title_of(int status) {
  for (const auto& [known, title] : kTitles) {
    if (known == status) return title;
  }
  return status < 500 ? "Request Refused" : "Internal Server Error";
}

}  // namespace

http::Response to_response(const Problem& problem) {
  nlohmann::ordered_json body;
  body["type"] = std::string(kTypePrefix) + problem.code;
  body["title"] = title_of(problem.status);
  body["status"] = problem.status;
  body["detail"] = problem.detail;
  body["code"] = problem.code;
  if (!problem.hint.empty()) body["hint"] = problem.hint;
  if (!problem.errors.empty()) {
    auto& errors = body["errors"] = nlohmann::ordered_json::array();
    for (const Fault& fault : problem.errors) {
      errors.push_back(
          {{"parameter", fault.parameter}, {"value", fault.value}, {"expected", fault.expected}});
    }
  }
  http::Response response;
  response.status = problem.status;
  response.content_type = "application/problem+json";
  // Faults quote the client's bytes, which need not be UTF-8.
  response.body = body.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  return response;
}

Problem to_problem(const Error& error) {
  switch (error.code) {
    case ErrorCode::kInvalidArgument:
      return {400, "invalid_request", error.message, {}, {}};
    case ErrorCode::kNotFound:
      return {404, "not_found", error.message, {}, {}};
    case ErrorCode::kGone:
      return {410, "gone", error.message, {}, {}};
    case ErrorCode::kConflict:
      return {409, "conflict", error.message, {}, {}};
    case ErrorCode::kUnavailable:
      return {503, "unavailable", error.message, "Try again in a moment.", {}};
    case ErrorCode::kPermission:
      return {403, "privilege_not_held", error.message, {}, {}};
    case ErrorCode::kUnsupported:
      return {415, "unsupported_format", error.message, {}, {}};
    case ErrorCode::kCorrupt:
    case ErrorCode::kIo:
    case ErrorCode::kInternal:
      break;
  }
  spdlog::error("request failed: {}", error.message);
  return {500,
          "internal",
          "The server failed to answer this request.",
          "The cause is in the server's log.",
          {}};
}

}  // namespace blockwatch
