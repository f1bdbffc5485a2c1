#include "server/sessions.h"

#include <algorithm>
#include <utility>

#include "server/secrets.h"
#include "storage/sha256.h"

namespace blockwatch {

bool looks_like_bearer(std::string_view text) {
  return looks_like_token(text) || looks_like_secret(text, kSessionPrefix);
}

std::optional<std::string> Sessions::add(Table& table, std::string_view prefix, SessionGrant grant,
                                         Clock::duration life, Clock::time_point now) {
  auto secret = new_secret(prefix);
  std::string hash = secret ? sha256_hex(*secret) : std::string();
  if (hash.empty()) return std::nullopt;
  std::erase_if(table, [now](const auto& item) { return item.second.until <= now; });
  if (table.size() >= kMost) {
    table.erase(
        std::ranges::min_element(table, {}, [](const auto& item) { return item.second.until; }));
  }
  table.emplace(std::move(hash), Entry{std::move(grant), now + life});
  return secret;
}

std::optional<SessionGrant> Sessions::take(Table& table, std::string_view secret,
                                           Clock::time_point now) {
  const auto found = table.find(sha256_hex(secret));
  if (found == table.end()) return std::nullopt;
  const bool in_time = now < found->second.until;
  SessionGrant grant = std::move(found->second.grant);
  table.erase(found);
  return in_time ? std::optional(std::move(grant)) : std::nullopt;
}

std::optional<std::string> Sessions::make_code(SessionGrant grant, Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  return add(codes_, kCodePrefix, std::move(grant), kCodeLife, now);
}

std::optional<std::string> Sessions::make_ticket(SessionGrant grant, Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  return add(tickets_, kTicketPrefix, std::move(grant), kTicketLife, now);
}

std::optional<Sessions::Opened> Sessions::open(std::string_view code, Clock::time_point now) {
  if (!looks_like_secret(code, kCodePrefix)) return std::nullopt;
  const std::lock_guard lock(mutex_);
  const auto grant = take(codes_, code, now);
  if (!grant) return std::nullopt;
  auto bearer = add(sessions_, kSessionPrefix, *grant, kIdleLife, now);
  if (!bearer) return std::nullopt;
  return Opened{std::move(*bearer), *grant};
}

std::optional<SessionGrant> Sessions::take_ticket(std::string_view ticket, Clock::time_point now) {
  if (!looks_like_secret(ticket, kTicketPrefix)) return std::nullopt;
  const std::lock_guard lock(mutex_);
  return take(tickets_, ticket, now);
}

std::optional<SessionGrant> Sessions::find(std::string_view bearer, Clock::time_point now) {
  if (!looks_like_secret(bearer, kSessionPrefix)) return std::nullopt;
  const std::lock_guard lock(mutex_);
  const auto found = sessions_.find(sha256_hex(bearer));
  if (found == sessions_.end() || found->second.until <= now) return std::nullopt;
  found->second.until = now + kIdleLife;
  return found->second.grant;
}

}  // namespace blockwatch
