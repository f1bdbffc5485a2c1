#include "server/admission.h"

#include <algorithm>
#include <array>
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

bool contains(const std::vector<std::string_view>& words, std::string_view word) {
  return std::any_of(words.begin(), words.end(),
                     [&](std::string_view known) { return equal_ignoring_case(known, word); });
}

std::string_view media_type(std::string_view content_type) {
  std::string_view type = content_type.substr(0, content_type.find(';'));
  while (!type.empty() && (type.back() == ' ' || type.back() == '\t')) type.remove_suffix(1);
  return type;
}

// What the checks look at, and what they find on the way.
struct Candidate {
  const RequestHead& head;
  const Access& access;
  Match match;
  bool is_options;
  Permission permission;
  BodyRule body;
  AccessRequest request;
  TokenInfo token = {};
};

using Fault = std::optional<http::Response>;

Fault check_route(Candidate& candidate) {
  const std::string& method = candidate.head.method;
  const Match& match = candidate.match;
  if (match.allowed.empty() && method != "TRACE" && method != "CONNECT") {
    return to_response({404,
                        "not_found",
                        "There is nothing at this path.",
                        "GET /openapi.yaml lists every path.",
                        {}});
  }
  if (match.route != nullptr || candidate.is_options) return std::nullopt;
  http::Response response =
      to_response({405, "method_not_allowed", "This path does not take this method.", {}, {}});
  response.set("Allow", match.allowed.empty() ? std::string(kAnyPathMethods) : join(match.allowed));
  return response;
}

// Whether there may be a body, how it is encoded and how long it is.
Fault check_body(Candidate& candidate) {
  const RequestHead& head = candidate.head;
  const BodyRule& rule = candidate.body;
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
  if (length <= rule.max_bytes) return std::nullopt;
  return to_response(
      {413,
       "content_too_large",
       "The body is larger than the " + std::to_string(rule.max_bytes) + " bytes this route takes.",
       {},
       {}});
}

Fault check_host(Candidate& candidate) { return candidate.access.check_host(candidate.request); }

Fault check_origin(Candidate& candidate) {
  return candidate.access.check_origin(candidate.request, candidate.permission);
}

Fault check_token(Candidate& candidate) {
  auto shown = candidate.access.check_token(candidate.request, candidate.permission);
  if (!shown) return std::move(shown.error());
  candidate.token = std::move(*shown);
  return std::nullopt;
}

Fault check_content_type(Candidate& candidate) {
  const BodyRule& rule = candidate.body;
  if (candidate.head.content_length.value_or(0) == 0 || rule.content_types.empty()) {
    return std::nullopt;
  }
  const auto types = candidate.head.all("Content-Type");
  if (types.size() == 1 && contains(rule.content_types, media_type(types.front()))) {
    return std::nullopt;
  }
  return to_response({415,
                      "unsupported_media_type",
                      "This route takes " + join(rule.content_types) + ".",
                      {},
                      {}});
}

// The order of the contract ("Access"), for every route: of several faults the first is told. What
// can be said of a head without its route came before (request_head.cpp).
constexpr std::array<Fault (*)(Candidate&), 6> kChecks{
    check_route, check_body, check_host, check_origin, check_token, check_content_type};

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
                std::string_view peer, const std::function<PeerIdentity()>& identify,
                const Door& door) {
  const bool is_options = head.method == "OPTIONS";
  Match match = router.match(head.method, head.path);
  const Route* route = match.route;
  Candidate candidate{
      .head = head,
      .access = access,
      .match = std::move(match),
      .is_options = is_options,
      .permission = is_options || route == nullptr ? Permission::kNothing : route->permission,
      .body = is_options || route == nullptr ? BodyRule{} : route->body,
      .request = {.path = head.path,
                  .host = head.all("Host"),
                  .origin = head.all("Origin"),
                  .sec_fetch_site = head.all("Sec-Fetch-Site"),
                  .authorization = head.all("Authorization"),
                  .query = &head.query,
                  .peer = peer,
                  .address = door.address,
                  .port = door.port,
                  .tls = door.tls,
                  .identify = identify,
                  .takes_ticket = route != nullptr && route->streams}};
  Admission admission;
  admission.matched = route;
  for (const auto check : kChecks) {
    admission.answer = check(candidate);
    admission.refused = admission.answer.has_value();
    if (admission.refused) break;
  }
  admission.token = std::move(candidate.token);
  if (admission.refused) return admission;
  if (is_options) {
    http::Response response;
    response.status = 204;
    response.set("Allow", join(candidate.match.allowed));
    admission.answer = std::move(response);
  } else {
    admission.route = route;
  }
  admission.path_values = std::move(candidate.match.path_values);
  return admission;
}

}  // namespace blockwatch
