#include <cstdlib>
#include <iostream>
#include <nlohmann/json.hpp>

#include "server/commands/commands.h"
#include "server/local_client.h"

namespace blockwatch {
namespace {

// Not on the command line: others can read that.
constexpr const char* kTokenVariable = "BLOCKWATCH_TOKEN";

// Any program may have taken the port while the server did not run: neither a token nor the user
// is sent to one of somebody else's. Who may read the log is not for that reason who is sent
// tokens.
Result<void> check_server(const LocalClient& client, bool shows_token) {
  const PeerIdentity server = client.server();
  const bool hidden = server.standing == PeerStanding::kUnknown && !shows_token;
  if (server.standing >= PeerStanding::kSelf || hidden) return {};
  return make_error(ErrorCode::kPermission,
                    "what listens there belongs to " +
                        (server.user.empty() ? "an unknown user" : server.user) +
                        ", not to you or an administrator");
}

Result<std::string> make_code(const OpenConfig& config) {
  auto client = LocalClient::connect(config.host, config.port);
  if (!client) return tl::unexpected(client.error());
  if (const auto alive = client->send("GET", "/health/live"); !alive) {
    return tl::unexpected(alive.error());
  }
  const char* token = std::getenv(kTokenVariable);  // NOLINT(concurrency-mt-unsafe): one thread
  const bool shows_token = token != nullptr && *token != '\0';
  if (const auto known = check_server(*client, shows_token); !known) {
    return tl::unexpected(known.error());
  }
  const auto answer =
      client->send("POST", "/api/v1/session-codes",
                   shows_token ? "Authorization: Bearer " + std::string(token) + "\r\n" : "");
  if (!answer) return tl::unexpected(answer.error());
  const auto json = nlohmann::json::parse(answer->body, nullptr, false);
  auto text = [&](const char* name) {
    return json.is_object() && json.contains(name) && json[name].is_string()
               ? json[name].get<std::string>()
               : std::string();
  };
  if (answer->status == 201 && !text("code").empty()) return text("code");
  std::string why = text("detail") + ' ' + text("hint");
  if (answer->status == 401) why += " Here it is taken from " + std::string(kTokenVariable) + '.';
  return make_error(ErrorCode::kPermission,
                    "the server answered " + std::to_string(answer->status) + ": " + why);
}

}  // namespace

int run_open(const OpenConfig& config) {
  const auto code = make_code(config);
  if (!code) return report_error(code.error());
  const bool is_v6 = config.host.find(':') != std::string::npos;
  // The part behind # stays in the browser.
  std::cout << "http://" << (is_v6 ? "[" + config.host + "]" : config.host) << ':' << config.port
            << "/#code=" << *code << '\n';
  std::cerr << "Open it within a minute; it works once.\n";
  return kExitSuccess;
}

}  // namespace blockwatch
