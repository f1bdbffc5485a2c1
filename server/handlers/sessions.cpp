#include "server/sessions.h"

#include <algorithm>

#include "server/handlers/handlers.h"
#include "server/handlers/json.h"
#include "server/handlers/json_body.h"
#include "storage/timestamp.h"

namespace blockwatch::handlers {
namespace {

std::string time_after(std::chrono::seconds life) {
  return format_rfc3339({now().ticks + life.count() * Timestamp::kTicksPerSecond});
}

http::Response no_secret() {
  return error_answer({ErrorCode::kInternal, "the system's random generator failed"});
}

// What the one who asks may do; reading has been checked before.
SessionGrant grant_of(const http::Request& request) {
  SessionGrant grant{request.token.name, request.token.id, request.token.scopes};
  if (grant.name.empty()) {
    const PeerIdentity peer = request.identify ? request.identify() : PeerIdentity{};
    grant.name = peer.user;
    if (peer.standing == PeerStanding::kOwner) grant.scopes = {TokenScope::kAdmin};
  }
  if (!std::ranges::any_of(grant.scopes, [](TokenScope scope) {
        return scope == TokenScope::kRead || scope == TokenScope::kAdmin;
      })) {
    grant.scopes.push_back(TokenScope::kRead);
  }
  return grant;
}

}  // namespace

http::Response make_session_code(ApiContext& context, const http::Request& request) {
  auto query = read_query(Taker::kNone, request);
  if (!query) return std::move(query.error());
  const auto code = context.sessions->make_code(grant_of(request));
  if (!code) return no_secret();
  return object_answer({{"code", *code}, {"expires", time_after(Sessions::kCodeLife)}}, 201);
}

http::Response open_session(ApiContext& context, const http::Request& request) {
  auto query = read_query(Taker::kNone, request);
  if (!query) return std::move(query.error());
  auto body = read_json_body(request);
  if (!body) return std::move(body.error());
  constexpr std::string_view kExpected = "the code of the link that 'blockwatchd open' printed";
  BodyMembers members(*body);
  const auto code = members.take_text("code", kExpected);
  auto faults = members.end();
  if (faults.empty() && !code) faults.push_back({"code", {}, std::string(kExpected)});
  if (!faults.empty()) return body_fault(std::move(faults));
  const auto opened = context.sessions->open(*code);
  if (!opened) {
    return problem_answer({403,
                           "code_wrong",
                           "The code is not known, was used already or is older than a minute.",
                           "Run 'blockwatchd open' again.",
                           {}});
  }
  Json scopes = Json::array();
  for (const TokenScope scope : opened->grant.scopes) scopes.push_back(to_word(scope));
  const std::chrono::seconds idle = Sessions::kIdleLife;
  return object_answer({{"token", opened->bearer},
                        {"name", opened->grant.name},
                        {"scopes", std::move(scopes)},
                        {"idle_s", idle.count()}},
                       201);
}

http::Response make_stream_ticket(ApiContext& context, const http::Request& request) {
  auto query = read_query(Taker::kNone, request);
  if (!query) return std::move(query.error());
  SessionGrant grant = grant_of(request);
  grant.scopes = {TokenScope::kRead};
  const auto ticket = context.sessions->make_ticket(std::move(grant));
  if (!ticket) return no_secret();
  return object_answer({{"ticket", *ticket}, {"expires", time_after(Sessions::kTicketLife)}}, 201);
}

}  // namespace blockwatch::handlers
