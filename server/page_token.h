#pragma once
// The opaque text of `next`: where the following page begins, and for which question.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "storage/query.h"
#include "storage/result.h"

namespace blockwatch {

struct PageToken {
  PageCursor cursor;
  // Of the question (filter as asked, order): a token belongs to no other.
  std::uint64_t fingerprint = 0;
  // The bounds in force since the first page: `since=15m` means the same moment on every page.
  std::optional<Timestamp> since;
  std::optional<Timestamp> until;
  friend bool operator==(const PageToken& a, const PageToken& b) {
    return a.cursor.last_time == b.cursor.last_time && a.cursor.last_seq == b.cursor.last_seq &&
           a.cursor.snapshot_seq == b.cursor.snapshot_seq && a.fingerprint == b.fingerprint &&
           a.since == b.since && a.until == b.until;
  }
};

// base64url without padding (RFC 4648, 5), 50 to 80 characters; safe in a URL. Not a secret and no
// permission: a made-up token shows nothing that its filter would not.
std::string encode_page_token(const PageToken& token);

// kInvalidArgument: damaged, cut, or not one of ours.
Result<PageToken> decode_page_token(std::string_view text);

// The same for two filters that ask for the same values in another order; a moment given as a
// duration back from now (`since_back`, `until_back`, ticks) counts as the duration.
struct AskedBounds {
  std::optional<std::int64_t> since_back;
  std::optional<std::int64_t> until_back;
};
std::uint64_t fingerprint(const Filter& filter, const AskedBounds& bounds, Order order);

}  // namespace blockwatch
