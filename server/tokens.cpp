#include "server/tokens.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <nlohmann/json.hpp>
#include <utility>

#include "server/secret_file.h"
#include "server/secrets.h"
#include "storage/file_path.h"
#include "storage/place_lock.h"
#include "storage/sha256.h"
#include "storage/timestamp.h"

namespace blockwatch {
namespace {

constexpr std::size_t kIdDigits = 12;
constexpr std::size_t kShortestIdPrefix = 4;
constexpr std::size_t kMaxNameBytes = 64;
constexpr int kFileVersion = 1;
// How long a change waits for those of other processes.
constexpr std::chrono::milliseconds kTurnPatience{5'000};

constexpr std::array<std::pair<TokenScope, std::string_view>, 4> kScopeWords{{
    {TokenScope::kRead, "read"},
    {TokenScope::kImport, "import"},
    {TokenScope::kAudit, "audit"},
    {TokenScope::kAdmin, "admin"},
}};

bool equal_in_constant_time(std::string_view left, std::string_view right) {
  if (left.size() != right.size()) return false;
  unsigned difference = 0;
  for (std::size_t i = 0; i < left.size(); ++i) {
    difference |= static_cast<unsigned>(static_cast<unsigned char>(left[i] ^ right[i]));
  }
  return difference == 0;
}

struct Entry {
  TokenInfo info;
  std::string hash;  // lower-case hex of SHA-256
};

bool is_hash(std::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::optional<Entry> parse_entry(const nlohmann::json& json) {
  if (!json.is_object()) return std::nullopt;
  Entry entry;
  const auto text = [&](const char* key) {
    const auto found = json.find(key);
    return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  entry.hash = text("sha256");
  entry.info.name = text("name");
  entry.info.created = text("created");
  const auto scopes = json.find("scopes");
  if (!is_hash(entry.hash) || entry.info.name.empty() || scopes == json.end() ||
      !scopes->is_array()) {
    return std::nullopt;
  }
  entry.info.id = entry.hash.substr(0, kIdDigits);
  for (const auto& word : *scopes) {
    const auto scope = word.is_string() ? parse_scope(word.get<std::string>()) : std::nullopt;
    if (!scope) return std::nullopt;
    entry.info.scopes.push_back(*scope);
  }
  return entry;
}

Result<std::vector<Entry>> parse_file(const std::string& text, const std::string& path) {
  const auto bad = [&](const std::string& why) {
    return make_error(ErrorCode::kCorrupt, path + ": is not a token file: " + why);
  };
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object()) return bad("not a JSON object");
  const auto version = json.find("version");
  if (version == json.end() || *version != kFileVersion) return bad("unknown version");
  const auto tokens = json.find("tokens");
  if (tokens == json.end() || !tokens->is_array()) return bad("no list of tokens");
  std::vector<Entry> entries;
  for (const auto& token : *tokens) {
    auto entry = parse_entry(token);
    // One bad entry spoils the file: leaving it out would drop it for good at the next change.
    if (!entry) return bad("entry " + std::to_string(entries.size() + 1) + " is not a token");
    entries.push_back(std::move(*entry));
  }
  return entries;
}

std::string to_text(const std::vector<Entry>& entries) {
  nlohmann::ordered_json json;
  json["version"] = kFileVersion;
  auto& tokens = json["tokens"] = nlohmann::ordered_json::array();
  for (const Entry& entry : entries) {
    auto scopes = nlohmann::ordered_json::array();
    for (const TokenScope scope : entry.info.scopes) scopes.push_back(to_word(scope));
    tokens.push_back({{"name", entry.info.name},
                      {"scopes", std::move(scopes)},
                      {"created", entry.info.created},
                      {"sha256", entry.hash}});
  }
  return json.dump(2) + "\n";
}

bool is_fit_name(std::string_view name) {
  return !name.empty() && name.size() <= kMaxNameBytes &&
         std::all_of(name.begin(), name.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

}  // namespace

struct TokenStore::State {
  SecretOwner owner = SecretOwner::kSelf;
  std::optional<FileStamp> stamp;
  std::vector<Entry> entries;

  // Brings the entries up to date with the file.
  Result<void> load(const std::filesystem::path& path) {
    const auto current = stamp_of(path);
    if (current == stamp) return {};
    // Kept also when the file is unfit: it is looked at again when it changes, not at each request.
    stamp = current;
    entries.clear();
    auto file = read_secret_file(path, owner);
    if (!file) return tl::unexpected<Error>(file.error());
    if (!*file) return {};
    auto parsed = parse_file((*file)->text, to_utf8(path));
    if (!parsed) return tl::unexpected<Error>(parsed.error());
    entries = std::move(*parsed);
    return {};
  }

  // What is in the file, whatever was known of it.
  Result<void> reload(const std::filesystem::path& path) {
    stamp = FileStamp{-1, 0, 0};
    return load(path);
  }

  // What is in the file stays so until the lock goes: another's change may not come between reading
  // and replacing, or it would be undone.
  Result<PlaceLock> begin_change(const std::filesystem::path& path) {
    auto place = PlaceLock::take(to_utf8(path), kTurnPatience);
    if (!place) return place;
    if (auto loaded = reload(path); !loaded) return tl::unexpected<Error>(loaded.error());
    return place;
  }

  Result<void> save(const std::filesystem::path& path) {
    auto saved = replace_secret_file(path, to_text(entries), owner);
    stamp = saved ? stamp_of(path) : FileStamp{-1, 0, 0};
    return saved;
  }
};

std::string_view to_word(TokenScope scope) {
  for (const auto& [known, word] : kScopeWords) {
    if (known == scope) return word;
  }
  return {};
}

std::optional<TokenScope> parse_scope(std::string_view word) {
  for (const auto& [scope, known] : kScopeWords) {
    if (known == word) return scope;
  }
  return std::nullopt;
}

bool TokenInfo::allows(TokenScope scope) const {
  return std::any_of(scopes.begin(), scopes.end(),
                     [&](TokenScope own) { return own == scope || own == TokenScope::kAdmin; });
}

bool looks_like_token(std::string_view text) { return looks_like_secret(text, kTokenPrefix); }

TokenStore::TokenStore(std::filesystem::path path, SecretOwner owner)
    : path_(std::move(path)), state_(std::make_unique<State>()) {
  state_->owner = owner;
}

TokenStore::~TokenStore() = default;

Result<std::unique_ptr<TokenStore>> TokenStore::open(std::filesystem::path path,
                                                     SecretOwner owner) {
  std::unique_ptr<TokenStore> store(new TokenStore(std::move(path), owner));
  if (auto loaded = store->state_->load(store->path_); !loaded) {
    return tl::unexpected<Error>(loaded.error());
  }
  return store;
}

Result<std::string> TokenStore::create(std::string_view name,
                                       const std::vector<TokenScope>& scopes) {
  if (!is_fit_name(name)) {
    return make_error(ErrorCode::kInvalidArgument,
                      "a token's name is 1 to 64 visible ASCII characters without blanks");
  }
  if (scopes.empty()) {
    return make_error(ErrorCode::kInvalidArgument,
                      "a token needs at least one scope: read, import, audit, admin");
  }
  const std::lock_guard lock(mutex_);
  const auto turn = state_->begin_change(path_);
  if (!turn) return tl::unexpected<Error>(turn.error());
  for (const Entry& entry : state_->entries) {
    if (entry.info.name == name) {
      return make_error(ErrorCode::kConflict,
                        "there is a token named '" + std::string(name) + "' already");
    }
  }
  auto token = new_secret(kTokenPrefix);
  if (!token) return make_error(ErrorCode::kIo, "the system's random generator failed");

  Entry entry;
  entry.hash = sha256_hex(*token);
  if (entry.hash.empty()) return make_error(ErrorCode::kInternal, "SHA-256 failed");
  entry.info.id = entry.hash.substr(0, kIdDigits);
  entry.info.name = name;
  entry.info.scopes = scopes;
  entry.info.created = format_rfc3339(now()).substr(0, 19) + "Z";
  state_->entries.push_back(std::move(entry));
  if (auto saved = state_->save(path_); !saved) return tl::unexpected<Error>(saved.error());
  return std::move(*token);
}

Result<std::vector<TokenInfo>> TokenStore::list() const {
  const std::lock_guard lock(mutex_);
  if (auto loaded = state_->reload(path_); !loaded) return tl::unexpected<Error>(loaded.error());
  std::vector<TokenInfo> infos;
  for (const Entry& entry : state_->entries) infos.push_back(entry.info);
  return infos;
}

Result<TokenInfo> TokenStore::revoke(std::string_view name_or_id) {
  const std::lock_guard lock(mutex_);
  const auto turn = state_->begin_change(path_);
  if (!turn) return tl::unexpected<Error>(turn.error());
  auto& entries = state_->entries;
  auto found = std::find_if(entries.begin(), entries.end(),
                            [&](const Entry& entry) { return entry.info.name == name_or_id; });
  if (found == entries.end() && name_or_id.size() >= kShortestIdPrefix) {
    const auto fits = [&](const Entry& entry) {
      return entry.info.id.substr(0, name_or_id.size()) == name_or_id;
    };
    found = std::find_if(entries.begin(), entries.end(), fits);
    if (found != entries.end() && std::any_of(found + 1, entries.end(), fits)) {
      return make_error(ErrorCode::kConflict,
                        "several tokens begin with '" + std::string(name_or_id) + "'");
    }
  }
  if (found == entries.end()) {
    return make_error(ErrorCode::kNotFound,
                      "there is no token '" + std::string(name_or_id) +
                          "'; expected a name, or at least 4 digits of an id");
  }
  TokenInfo removed = found->info;
  entries.erase(found);
  if (auto saved = state_->save(path_); !saved) return tl::unexpected<Error>(saved.error());
  return removed;
}

std::optional<TokenInfo> TokenStore::find(std::string_view token) const {
  if (!looks_like_token(token)) return std::nullopt;
  const std::string hash = sha256_hex(token);
  const std::lock_guard lock(mutex_);
  if (auto loaded = state_->load(path_); !loaded) {
    spdlog::error("no token is accepted: {}", loaded.error().message);
  }
  std::optional<TokenInfo> info;
  // Looks at every entry, so that the time does not tell which one it was.
  for (const Entry& entry : state_->entries) {
    if (equal_in_constant_time(entry.hash, hash)) info = entry.info;
  }
  return info;
}

bool TokenStore::has(std::string_view id) const {
  const std::lock_guard lock(mutex_);
  if (!state_->load(path_)) return false;
  return std::any_of(state_->entries.begin(), state_->entries.end(),
                     [&](const Entry& entry) { return entry.info.id == id; });
}

}  // namespace blockwatch
