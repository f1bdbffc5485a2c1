#pragma once
// Access tokens: 256 random bits each, kept as SHA-256 in a JSON file that only its owner may read.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/secret_file.h"
#include "storage/result.h"

namespace blockwatch {

// kAdmin implies the others; the others imply nothing.
enum class TokenScope : std::uint8_t { kRead, kImport, kAudit, kAdmin };

std::string_view to_word(TokenScope scope);
std::optional<TokenScope> parse_scope(std::string_view word);

struct TokenInfo {
  std::string id;    // start of the hash, 12 hex digits: names the token without giving it away
  std::string name;  // given by the user, unique
  std::vector<TokenScope> scopes;
  std::string created;   // RFC 3339 UTC, seconds
  bool session = false;  // not the token itself: a session that was opened with it, or by a user

  bool allows(TokenScope scope) const;
};

// Every token starts with this, so that scanners for leaked secrets can know it.
inline constexpr std::string_view kTokenPrefix = "bwt_";

// Whether the text has the shape of a token (prefix and 43 base64url digits).
bool looks_like_token(std::string_view text);

// Any thread, and any process: changes come one after the other, and readers see all or nothing of
// each. A missing file is a store without tokens.
class TokenStore {
 public:
  // kPermission: the file is a link, not a plain file, another user's, or readable by others;
  // kCorrupt: not a token file; kIo.
  static Result<std::unique_ptr<TokenStore>> open(std::filesystem::path path,
                                                  SecretOwner owner = SecretOwner::kSelf);

  ~TokenStore();

  // The token itself, which is kept nowhere. kInvalidArgument: no scope or an unfit name (1 to 64
  // visible ASCII characters); kConflict: the name is taken.
  Result<std::string> create(std::string_view name, const std::vector<TokenScope>& scopes);

  Result<std::vector<TokenInfo>> list() const;

  // By name, or by at least 4 digits of the id; gives what was removed. kNotFound; kConflict: the
  // digits fit several.
  Result<TokenInfo> revoke(std::string_view name_or_id);

  // The token's entry, or nothing. Reads the file again when it has changed since; a file that
  // has become unfit (see open) counts as empty and is logged.
  std::optional<TokenInfo> find(std::string_view token) const;

  // Whether there is still a token with this id.
  bool has(std::string_view id) const;

 private:
  struct State;
  TokenStore(std::filesystem::path path, SecretOwner owner);

  std::filesystem::path path_;
  mutable std::mutex mutex_;
  std::unique_ptr<State> state_;
};

}  // namespace blockwatch
