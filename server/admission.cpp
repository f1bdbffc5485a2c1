#include "server/admission.h"

#include <algorithm>
#include <utility>

#include "storage/words.h"

namespace blockwatch {
namespace {

constexpr std::string_view kAnyPathMethods = "GET, HEAD, OPTIONS";

std::string join(const std::vector<std::string_view>& words) {
  std::string text;
  for (const std::string_view word : words) {
    if (!text.empty()) text += ", ";
    text += word;
  }
  return text;
}

Admission refuse(http::Response response) {
  Admission admission;
  admission.answer = std::move(response);
  admission.refused = true;
  return admission;
}

bool contains(const std::vector<std::string_view>& words, std::string_view word) {
  return std::any_of(words.begin(), words.end(),
                     [&](std::string_view known) { return equal_ignoring_case(known, word); });
}

std::string_view media_type(std::string_view content_type) {
  std::string_view type = content_type.substr(0, content_type.find(';'));
  while (!type.empty() && (type.back() == ' ' || type.back() == '\t')) type.remove_suffix(1);
  return type;
}

// Length, encoding and type of the body against what the route takes.
std::optional<http::Response> check_body(const RequestHead& head, const BodyRule& rule) {
  const std::uint64_t length = head.content_length.value_or(0);
  const bool bodiless = head.method == "GET" || head.method == "HEAD" || head.method == "DELETE" ||
                        head.method == "OPTIONS";
  if (length > 0 && bodiless) {
    return to_response(
        {400, "unexpected_body", "A " + head.method + " request has no body.", {}, {}});
  }
  const auto encodings = head.all("Content-Encoding");
  for (const std::string_view encoding : encodings) {
    if (equal_ignoring_case(encoding, "identity")) continue;
    if (encodings.size() > 1 || !contains(rule.content_encodings, encoding)) {
      http::Response response = to_response({415,
                                             "unsupported_media_type",
                                             "This route does not take this Content-Encoding.",
                                             {},
                                             {}});
      response.set("Accept-Encoding",
                   rule.content_encodings.empty() ? "identity" : join(rule.content_encodings));
      return response;
    }
  }
  if (length > rule.max_bytes) {
    return to_response({413,
                        "content_too_large",
                        "The body is larger than the " + std::to_string(rule.max_bytes) +
                            " bytes this route takes.",
                        {},
                        {}});
  }
  if (length == 0 || rule.content_types.empty()) return std::nullopt;
  const auto types = head.all("Content-Type");
  if (types.size() != 1 || !contains(rule.content_types, media_type(types.front()))) {
    return to_response({415,
                        "unsupported_media_type",
                        "This route takes " + join(rule.content_types) + ".",
                        {},
                        {}});
  }
  return std::nullopt;
}

}  // namespace

http::Response to_refusal(const Problem& problem) {
  http::Response response = to_response(problem);
  if (problem.status == 405) response.set("Allow", std::string(kAnyPathMethods));
  return response;
}

http::Response to_busy(std::string_view what) {
  http::Response response =
      to_response({503,
                   "unavailable",
                   "The server has as many " + std::string(what) + " open as it allows.",
                   "Try again in a moment.",
                   {}});
  response.set("Retry-After", "1");
  return response;
}

Admission admit(const RequestHead& head, const Router& router, const Access& access,
                std::string_view peer, const Door& door) {
  Match match = router.match(head.method, head.path);
  const bool never = head.method == "TRACE" || head.method == "CONNECT";
  if (match.allowed.empty() && !never) {
    return refuse(to_response({404,
                               "not_found",
                               "There is nothing at this path.",
                               "GET /openapi.yaml lists every path.",
                               {}}));
  }
  const bool is_options = head.method == "OPTIONS";
  if (match.route == nullptr && !is_options) {
    http::Response response =
        to_response({405, "method_not_allowed", "This path does not take this method.", {}, {}});
    response.set("Allow",
                 match.allowed.empty() ? std::string(kAnyPathMethods) : join(match.allowed));
    return refuse(std::move(response));
  }

  const Permission permission = is_options ? Permission::kNothing : match.route->permission;
  if (auto fault = check_body(head, is_options ? BodyRule{} : match.route->body)) {
    return refuse(std::move(*fault));
  }

  AccessRequest request;
  request.path = head.path;
  request.host = head.all("Host");
  request.origin = head.all("Origin");
  request.sec_fetch_site = head.all("Sec-Fetch-Site");
  request.authorization = head.all("Authorization");
  request.query = &head.query;
  request.peer = peer;
  request.address = door.address;
  request.port = door.port;
  request.tls = door.tls;
  if (auto fault = access.check_host(request)) return refuse(std::move(*fault));
  if (auto fault = access.check_origin(request, permission)) return refuse(std::move(*fault));
  if (auto fault = access.check_token(request, permission)) return refuse(std::move(*fault));

  Admission admission;
  if (is_options) {
    http::Response response;
    response.status = 204;
    response.set("Allow", join(match.allowed));
    admission.answer = std::move(response);
    return admission;
  }
  admission.route = match.route;
  if (permission != Permission::kNothing && permission != Permission::kRead) {
    admission.token = access.token_name(request);
  }
  admission.path_values = std::move(match.path_values);
  return admission;
}

}  // namespace blockwatch
