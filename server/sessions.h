#pragma once
// What browsers get instead of tokens: one-time codes, the bearers of sessions, and tickets for
// streams. In memory only, as hashes; gone when the program ends.

#include <chrono>
#include <cstddef>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "server/tokens.h"

namespace blockwatch {

inline constexpr std::string_view kSessionPrefix = "bws_";
inline constexpr std::string_view kTicketPrefix = "bwe_";
inline constexpr std::string_view kCodePrefix = "bwc_";

// Whether the text has the shape of something that opens more than one stream.
bool looks_like_bearer(std::string_view text);

// What a code, a session or a ticket passes on.
struct SessionGrant {
  std::string name;      // of the token it was made with, or the user ("uid 1000")
  std::string token_id;  // of the token that it was made with, and ends with; empty: none
  std::vector<TokenScope> scopes;
};

// Any thread.
class Sessions {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::seconds kCodeLife{60};
  static constexpr std::chrono::seconds kTicketLife{30};
  static constexpr std::chrono::hours kIdleLife{12};
  static constexpr std::size_t kMost = 256;  // of each kind; one more ends the oldest

  // Each gives the secret; nothing: the system's random generator failed.
  std::optional<std::string> make_code(SessionGrant grant, Clock::time_point now = Clock::now());
  std::optional<std::string> make_ticket(SessionGrant grant, Clock::time_point now = Clock::now());

  struct Opened {
    std::string bearer;
    SessionGrant grant;
  };
  // A session for a code, which is used up. Nothing: there is no such code, or no longer.
  std::optional<Opened> open(std::string_view code, Clock::time_point now = Clock::now());

  // What a ticket passes on; it is used up.
  std::optional<SessionGrant> take_ticket(std::string_view ticket,
                                          Clock::time_point now = Clock::now());

  // Of a session; asking keeps it alive.
  std::optional<SessionGrant> find(std::string_view bearer, Clock::time_point now = Clock::now());

 private:
  struct Entry {
    SessionGrant grant;
    Clock::time_point until;
  };
  using Table = std::map<std::string, Entry, std::less<>>;  // by hash

  std::optional<std::string> add(Table& table, std::string_view prefix, SessionGrant grant,
                                 Clock::duration life, Clock::time_point now);
  std::optional<SessionGrant> take(Table& table, std::string_view secret, Clock::time_point now);

  std::mutex mutex_;
  Table codes_, tickets_, sessions_;  // guarded by mutex_
};

}  // namespace blockwatch
