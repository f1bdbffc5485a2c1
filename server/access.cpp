#include "server/access.h"

#include <algorithm>
#include <array>
#include <utility>

#include "server/problem.h"
#include "server/request_head.h"
#include "storage/words.h"

namespace blockwatch {
namespace {

constexpr std::size_t kAllowedFailures = 10;
constexpr std::chrono::seconds kFailureWindow{60};
constexpr std::size_t kMaxPeers = 1024;

constexpr std::array<std::string_view, 3> kLocalNames{"localhost", "127.0.0.1", "[::1]"};
constexpr std::string_view kTicketParameter = "ticket";
constexpr std::array<std::string_view, 6> kTokenParameters{"token",  "access_token", "bearer_token",
                                                           "bearer", "api_key",      "apikey"};

std::optional<TokenScope> needed_scope(Permission permission) {
  switch (permission) {
    case Permission::kNothing:
      return std::nullopt;
    case Permission::kRead:
      return TokenScope::kRead;
    case Permission::kImport:
      return TokenScope::kImport;
    case Permission::kAudit:
      return TokenScope::kAudit;
    case Permission::kAdmin:
      return TokenScope::kAdmin;
  }
  return TokenScope::kAdmin;
}

http::Response unauthorized(std::string code, std::string detail, std::string hint) {
  http::Response response =
      to_response({401, std::move(code), std::move(detail), std::move(hint), {}});
  response.set("WWW-Authenticate", "Bearer realm=\"blockwatch\"");
  return response;
}

constexpr std::string_view kGetToken =
    "Make a token with 'blockwatchd token create' and send it as 'Authorization: Bearer TOKEN'.";

// Why this peer is asked for a token.
std::string token_hint(const PeerIdentity& peer, bool closed_for_all) {
  std::string why;
  if (closed_for_all) {
    why = "The server was started with --require-token. ";
  } else if (peer.standing == PeerStanding::kStranger) {
    why = "The peer is the user " + peer.user +
          ", who is neither the server's own, nor an administrator, nor in a group that may read "
          "the log (--allow-group). ";
  } else {
    why = "Which user the peer is cannot be told, or it is another computer's. ";
  }
  return why + std::string(kGetToken);
}

// The credentials behind "Bearer "; nothing: another scheme, or no credentials.
std::optional<std::string_view> bearer_of(std::string_view authorization) {
  constexpr std::string_view kScheme = "bearer ";
  if (!equal_ignoring_case(authorization.substr(0, kScheme.size()), kScheme)) return std::nullopt;
  std::string_view token = authorization.substr(kScheme.size());
  while (!token.empty() && token.front() == ' ') token.remove_prefix(1);
  return token;
}

}  // namespace

bool Access::is_own_name(std::string_view authority, const AccessRequest& request) const {
  const std::string suffix = ":" + std::to_string(request.port);
  const auto matches = [&](std::string_view name) {
    if (equal_ignoring_case(authority, std::string(name) + suffix)) return true;
    // This is what a client leaves out.
    return request.port == (request.tls ? 443 : 80) && equal_ignoring_case(authority, name);
  };
  if (std::any_of(kLocalNames.begin(), kLocalNames.end(), matches)) return true;
  // Who asks by a number was not sent here by a name of somebody else's.
  const bool is_v6 = request.address.find(':') != std::string_view::npos;
  const std::string address(request.address);
  if (!address.empty() && matches(is_v6 ? "[" + address + "]" : address)) return true;
  return std::any_of(options_.extra_hosts.begin(), options_.extra_hosts.end(),
                     [&](const std::string& host) {
                       return equal_ignoring_case(authority, host) || matches(host);
                     });
}

std::optional<http::Response> Access::check_host(const AccessRequest& request) const {
  if (request.host.size() != 1) {
    return to_response({400, "bad_host", "A request needs exactly one Host header.", {}, {}});
  }
  if (is_own_name(request.host.front(), request)) return std::nullopt;
  return to_response({421,
                      "misdirected_request",
                      "This server does not answer for this host and port.",
                      "Use localhost, 127.0.0.1 or [::1] with port " +
                          std::to_string(request.port) + ", or configure the name.",
                      {}});
}

std::optional<http::Response> Access::check_origin(const AccessRequest& request,
                                                   Permission permission) const {
  const std::string_view scheme = request.tls ? "https://" : "http://";
  for (const std::string_view origin : request.origin) {
    if (request.origin.size() > 1 || origin.substr(0, scheme.size()) != scheme ||
        !is_own_name(origin.substr(scheme.size()), request)) {
      return to_response(
          {403, "foreign_origin", "Pages of other origins may not use this server.", {}, {}});
    }
  }
  // A link from another site may open our pages; it may not fetch from the API.
  const bool is_api = request.path.substr(0, 5) == "/api/" || permission != Permission::kNothing;
  if (!is_api) return std::nullopt;
  for (const std::string_view site : request.sec_fetch_site) {
    if (site != "same-origin" && site != "none") {
      return to_response({403,
                          "foreign_origin",
                          "The browser says that a page of another site made this request.",
                          {},
                          {}});
    }
  }
  return std::nullopt;
}

tl::expected<TokenInfo, http::Response> Access::check_token(const AccessRequest& request,
                                                            Permission permission,
                                                            Clock::time_point now) const {
  std::string_view ticket;
  if (request.query != nullptr) {
    for (const auto& [name, value] : *request.query) {
      if (request.takes_ticket && name == kTicketParameter) ticket = value;
      const bool named = std::find(kTokenParameters.begin(), kTokenParameters.end(), name) !=
                         kTokenParameters.end();
      if (named || looks_like_bearer(value)) {
        return tl::unexpected(
            to_response({400,
                         "token_in_query",
                         "A token does not belong into the address: addresses are logged.",
                         "Send it as 'Authorization: Bearer TOKEN', and revoke one that was "
                         "sent this way.",
                         {}}));
      }
    }
  }
  const auto scope = needed_scope(permission);
  if (!scope) return TokenInfo{};
  std::optional<TokenInfo> shown;
  if (!ticket.empty()) {
    shown = to_info(sessions_.take_ticket(ticket, now));
    if (!shown) return tl::unexpected(wrong_token(request, now));
  } else if (!request.authorization.empty()) {
    const auto token = bearer_of(request.authorization.front());
    if (request.authorization.size() == 1 && token) shown = find_bearer(*token);
    if (!shown) return tl::unexpected(wrong_token(request, now));
  }
  if (shown && shown->allows(*scope)) return *shown;
  PeerIdentity peer;
  if (*scope == TokenScope::kRead && !options_.require_token) {
    if (request.identify) peer = request.identify();
    if (peer.standing >= PeerStanding::kReader) return shown.value_or(TokenInfo{});
  }
  if (!shown) {
    const bool reads = *scope == TokenScope::kRead;
    return tl::unexpected(
        unauthorized("token_required", "This request needs a token.",
                     reads ? token_hint(peer, options_.require_token) : std::string(kGetToken)));
  }
  return tl::unexpected(
      to_response({403,
                   "scope_too_small",
                   "The token lacks the scope '" + std::string(to_word(*scope)) + "'.",
                   {},
                   {}}));
}

std::optional<TokenInfo> Access::find_bearer(std::string_view text) const {
  if (auto token = tokens_.find(text)) return token;
  return to_info(sessions_.find(text));
}

std::optional<TokenInfo> Access::to_info(std::optional<SessionGrant> grant) const {
  // What was made with a token ends with it.
  if (!grant || (!grant->token_id.empty() && !tokens_.has(grant->token_id))) return std::nullopt;
  TokenInfo info;
  info.session = true;
  info.id = std::move(grant->token_id);
  info.name = std::move(grant->name);
  info.scopes = std::move(grant->scopes);
  return info;
}

http::Response Access::wrong_token(const AccessRequest& request, Clock::time_point now) const {
  const auto wait = count_failure(request.peer, now);
  if (!wait) {
    return unauthorized("token_wrong", "The token is not known.", std::string(kGetToken));
  }
  http::Response response = to_response(
      {429, "too_many_requests", "Too many wrong tokens came from this address.", {}, {}});
  response.set("Retry-After", std::to_string(*wait));
  return response;
}

std::optional<std::int64_t> Access::count_failure(std::string_view peer,
                                                  Clock::time_point now) const {
  const std::lock_guard lock(mutex_);
  auto found = failures_.find(peer);
  if (found == failures_.end()) {
    // Bounded: whoever commands so many addresses is not slowed down by this count anyway.
    if (failures_.size() >= kMaxPeers) failures_.clear();
    found = failures_.emplace(std::string(peer), std::deque<Clock::time_point>{}).first;
  }
  auto& times = found->second;
  while (!times.empty() && now - times.front() >= kFailureWindow) times.pop_front();
  if (times.size() < kAllowedFailures) {
    times.push_back(now);
    return std::nullopt;
  }
  return std::chrono::ceil<std::chrono::seconds>(times.front() + kFailureWindow - now).count();
}

}  // namespace blockwatch
