#pragma once
// Who may ask: the Host, Origin and token checks of every request, on header values alone.

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/http.h"
#include "server/peer_identity.h"
#include "server/routes.h"
#include "server/sessions.h"
#include "server/tokens.h"

namespace blockwatch {

struct AccessOptions {
  // Names beside localhost, 127.0.0.1 and [::1]; "name" means our port, "name:port" another one
  // (a forwarded port).
  std::vector<std::string> extra_hosts;
  bool require_token = false;                   // reading needs a token, from this machine too
  std::vector<std::string> reader_groups = {};  // of find_groups(): their members may read
};

// What the checks look at. A header that may come once is a list so that a second one is seen.
struct AccessRequest {
  std::string_view path;  // decoded, without the query
  std::vector<std::string_view> host;
  std::vector<std::string_view> origin;
  std::vector<std::string_view> sec_fetch_site;
  std::vector<std::string_view> authorization;
  const http::Parameters* query = nullptr;
  std::string_view peer;     // numeric address of the other end
  std::string_view address;  // numeric, as which the other end reached us
  std::uint16_t port = 0;    // the port we listen on
  bool tls = false;
  // Who the other end is; only asked when it matters. Empty: not known.
  std::function<PeerIdentity()> identify;
  bool takes_ticket = false;  // the route is one for clients that cannot send headers
};

// Any thread. The checks run in the contract's order; each gives the refusal, or nothing.
class Access {
 public:
  using Clock = std::chrono::steady_clock;

  // `tokens` and `sessions` outlive this object.
  Access(AccessOptions options, const TokenStore& tokens, Sessions& sessions)
      : options_(std::move(options)), tokens_(tokens), sessions_(sessions) {}

  // Missing or doubled Host 400, a foreign one 421 (DNS rebinding reaches us with one).
  std::optional<http::Response> check_host(const AccessRequest& request) const;

  // A foreign Origin 403; on API paths also a request that a page of another site made.
  std::optional<http::Response> check_origin(const AccessRequest& request,
                                             Permission permission) const;

  // A token in the query 400, none 401 unless the peer may read without, a wrong one 401 or, after
  // ten in a minute from one peer, 429; a right one without the scope 403. A right token is never
  // locked out. Gives what was shown: its name, id and scopes, or an empty one.
  tl::expected<TokenInfo, http::Response> check_token(const AccessRequest& request,
                                                      Permission permission,
                                                      Clock::time_point now = Clock::now()) const;

  const AccessOptions& options() const { return options_; }

 private:
  bool is_own_name(std::string_view authority, const AccessRequest& request) const;
  // Of a token or a session.
  std::optional<TokenInfo> find_bearer(std::string_view text) const;
  std::optional<TokenInfo> to_info(std::optional<SessionGrant> grant) const;
  http::Response wrong_token(const AccessRequest& request, Clock::time_point now) const;
  // Seconds to wait, when this wrong token is one too many.
  std::optional<std::int64_t> count_failure(std::string_view peer, Clock::time_point now) const;

  AccessOptions options_;
  const TokenStore& tokens_;
  Sessions& sessions_;
  mutable std::mutex mutex_;
  mutable std::map<std::string, std::deque<Clock::time_point>, std::less<>> failures_;  // by peer
};

}  // namespace blockwatch
