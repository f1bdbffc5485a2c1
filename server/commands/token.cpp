#include <iostream>

#include "server/commands/commands.h"
#include "server/text_table.h"
#include "server/tokens.h"
#include "storage/file_path.h"

namespace blockwatch {
namespace {

int create(TokenStore& tokens, const TokenConfig& config) {
  std::vector<TokenScope> scopes;
  for (const std::string& word : config.scopes) {
    const auto scope = parse_scope(word);
    if (!scope) {
      return report_error({ErrorCode::kInvalidArgument,
                           "scope \"" + word + "\": expected read, import, audit or admin"});
    }
    scopes.push_back(*scope);
  }
  const auto token = tokens.create(config.name, scopes);
  if (!token) return report_error(token.error());
  // The token alone on stdout, so that scripts can keep it.
  std::cout << *token << '\n';
  std::cerr << "This is the only time it is shown. Use it as: Authorization: Bearer TOKEN\n";
  return kExitSuccess;
}

int list(const TokenStore& tokens) {
  const auto all = tokens.list();
  if (!all) return report_error(all.error());
  using Align = TextTable::Align;
  TextTable table({{"NAME", Align::kLeft},
                   {"ID", Align::kLeft},
                   {"SCOPES", Align::kLeft},
                   {"CREATED", Align::kLeft}});
  for (const TokenInfo& token : *all) {
    std::string scopes;
    for (const TokenScope scope : token.scopes) {
      scopes += (scopes.empty() ? "" : ",") + std::string(to_word(scope));
    }
    table.add({token.name, token.id, scopes, token.created});
  }
  std::cout << table.text();
  return kExitSuccess;
}

int revoke(TokenStore& tokens, const TokenConfig& config) {
  const auto revoked = tokens.revoke(config.name);
  if (!revoked) return report_error(revoked.error());
  std::cout << "revoked " << revoked->name << " (" << revoked->id << ")\n";
  return kExitSuccess;
}

}  // namespace

int run_token(const TokenConfig& config) {
  std::string path = config.token_path;
  if (path.empty()) {
    const auto db_path = resolve_db_path(config.db_path);
    if (!db_path) return report_error(db_path.error());
    path = resolve_token_path({}, *db_path);
  }
  auto tokens = TokenStore::open(to_path(path), SecretOwner::kFolder);
  if (!tokens) return report_error(tokens.error());
  switch (config.verb) {
    case TokenConfig::Verb::kCreate:
      return create(**tokens, config);
    case TokenConfig::Verb::kRevoke:
      return revoke(**tokens, config);
    case TokenConfig::Verb::kList:
      break;
  }
  return list(**tokens);
}

}  // namespace blockwatch
