#include "server/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "storage/file_path.h"
#include "tests/support/temp_dir.h"

namespace blockwatch {
namespace {

using Parsed = std::variant<CommandConfig, int>;

template <class Config>
Config parse(const std::vector<std::string>& arguments) {
  const Parsed parsed = parse_command_line(arguments);
  const auto* command = std::get_if<CommandConfig>(&parsed);
  const auto* config = command ? std::get_if<Config>(command) : nullptr;
  EXPECT_NE(config, nullptr);
  return config ? *config : Config{};
}

int exit_code(const std::vector<std::string>& arguments, std::string* told = nullptr) {
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  const Parsed parsed = parse_command_line(arguments);
  testing::internal::GetCapturedStdout();
  const std::string errors = testing::internal::GetCapturedStderr();
  const int* code = std::get_if<int>(&parsed);
  if (code != nullptr && *code == kExitUsage) {
    EXPECT_FALSE(errors.empty());
  }
  if (told != nullptr) *told = errors;
  return code ? *code : -1;
}

TEST(ConfigTest, TheContractsDefaults) {
  const auto config = parse<ServeConfig>({});
  EXPECT_EQ(config.listen.front().host, "127.0.0.1");
  EXPECT_EQ(config.listen.front().port, 8470);
  EXPECT_EQ(config.sources, std::vector<std::string>{"auto"});
  EXPECT_EQ(config.record.bits, kBlocksAndDrops.bits);
  EXPECT_EQ(config.retention.days, 90U);
  EXPECT_EQ(config.retention.max_bytes, std::uint64_t{4} << 30);
  EXPECT_FALSE(config.require_token);
}

TEST(ConfigTest, TakesEveryServeOptionBeforeAndAfterTheCommand) {
  for (const bool with_command : {false, true}) {
    std::vector<std::string> arguments{"--listen",
                                       "[::1]:0",
                                       "--db",
                                       "/tmp/x.db",
                                       "--source",
                                       "evtx:/a.evtx",
                                       "--source",
                                       "dir:/b",
                                       "--record",
                                       "block,permit",
                                       "--token-file",
                                       "/t",
                                       "--retention-days",
                                       "7",
                                       "--max-db-size",
                                       "1000",
                                       "--allow-host",
                                       "logs.example.test",
                                       "--require-token",
                                       "--no-audit-changes",
                                       "--user",
                                       "logs"};
    if (with_command) arguments.insert(arguments.begin(), "serve");
    const auto config = parse<ServeConfig>(arguments);
    EXPECT_EQ(config.listen.front().host, "::1");
    EXPECT_EQ(config.listen.front().port, 0);
    EXPECT_EQ(config.db_path, "/tmp/x.db");
    EXPECT_EQ(config.sources, (std::vector<std::string>{"evtx:/a.evtx", "dir:/b"}));
    EXPECT_TRUE(config.record.has(Action::kBlock));
    EXPECT_FALSE(config.record.has(Action::kDrop));
    EXPECT_TRUE(config.record.has(Action::kPermit));
    EXPECT_EQ(config.token_path, "/t");
    EXPECT_EQ(config.retention.days, 7U);
    EXPECT_EQ(config.retention.max_bytes, 1000U);
    EXPECT_EQ(config.extra_hosts, std::vector<std::string>{"logs.example.test"});
    EXPECT_TRUE(config.require_token);
    EXPECT_FALSE(config.audit_changes);
    EXPECT_EQ(config.user, "logs");
  }
}

TEST(ConfigTest, APortAloneListensOnLoopback) {
  EXPECT_EQ(parse<ServeConfig>({"--listen", ":0"}).listen.front().host, "127.0.0.1");
}

TEST(ConfigTest, SeveralAddressesMayBeListenedOn) {
  const auto config = parse<ServeConfig>(
      {"--listen", "127.0.0.1:1", "--listen", "unix:/run/b/s", "--listen", "http://localhost:2"});
  ASSERT_EQ(config.listen.size(), 3U);
  EXPECT_EQ(config.listen[0].url(), "http://127.0.0.1:1");
  EXPECT_EQ(config.listen[1].url(), "unix:/run/b/s");
  EXPECT_EQ(config.listen[2].url(), "http://localhost:2");
}

TEST(ConfigTest, WithTlsEveryAddressSpeaksItUnlessToldOtherwise) {
  const auto urls = [](std::vector<std::string> arguments) {
    std::vector<std::string> found;
    for (const auto& address : parse<ServeConfig>(arguments).listen) found.push_back(address.url());
    return found;
  };
  using Urls = std::vector<std::string>;
  EXPECT_EQ(urls({"--tls", "self-signed"}), Urls{"https://127.0.0.1:8470"});
  EXPECT_EQ(urls({"--tls", "self-signed", "--listen", "http://[::1]:5", "--listen", "[::]:6",
                  "--listen", "unix:/s"}),
            (Urls{"http://[::1]:5", "https://[::]:6", "unix:/s"}));
  EXPECT_EQ(urls({"--tls-cert", "/c", "--tls-key", "/k", "--listen", "192.0.2.1:7"}),
            Urls{"https://192.0.2.1:7"});
  for (const std::vector<std::string>& wrong :
       {std::vector<std::string>{"--listen", "192.0.2.1:7"},
        {"--listen", "https://127.0.0.1:7"},
        {"--listen", "0.0.0.0:7", "--listen", "127.0.0.1:8"},
        {"--tls", "self-signed", "--listen", "http://192.0.2.1:7"},
        {"--tls", "yes"},
        {"--tls-cert", "/c"},
        {"--tls-key", "/k"},
        {"--tls", "self-signed", "--tls-cert", "/c", "--tls-key", "/k"},
        {"--listen", "unix:"}}) {
    EXPECT_EQ(exit_code(wrong), kExitUsage) << wrong.back();
  }
}

TEST(ConfigTest, TheConfigurationFileHasTheSameKeysAndTheCommandLineWins) {
  const TempDir dir;
  const std::string file =
      dir.write("config.json", R"({"listen": ":1234", "source": ["none"], "retention-days": 3,
                         "require-token": true, "record": "permit", "no-audit-changes": true})");
  const auto config = parse<ServeConfig>({"--config", file, "--listen", ":5678"});
  EXPECT_EQ(config.listen.front().port, 5678);
  EXPECT_EQ(config.sources, std::vector<std::string>{"none"});
  EXPECT_EQ(config.retention.days, 3U);
  EXPECT_TRUE(config.require_token);
  EXPECT_FALSE(config.audit_changes);
  EXPECT_TRUE(config.record.has(Action::kPermit));
}

TEST(ConfigTest, FaultsAreUsageErrors) {
  const TempDir dir;
  for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
           {"--listen", "8470"},
           {"--listen", "127.0.0.1:x"},
           {"--listen", "127.0.0.1:70000"},
           {"--source", "csv:x"},
           {"--record", "blocks"},
           {"--record", ""},
           {"--retention-days", "-1"},
           {"--unknown"},
           {"unknown"},
           {"import"},
           {"import", "--threads", "0", "x"},
           {"token"},
           {"token", "create"},
           {"query", "direction"},
           {"--config", dir.path("none.json")},
           {"--config", dir.write("bad.json", "{")},
           {"--config", dir.write("array.json", "[1]")},
           {"--config", dir.write("unknown.json", R"({"listne": ":1"})")}}) {
    EXPECT_EQ(exit_code(arguments), kExitUsage) << testing::PrintToString(arguments);
  }
}

TEST(ConfigTest, SaysWhatIsWrongWithTheFile) {
  const TempDir dir;
  std::string told;
  EXPECT_EQ(exit_code({"--config", dir.write("bad.json", "{")}, &told), kExitUsage);
  EXPECT_THAT(told, testing::HasSubstr("--config: the file is not JSON"));
  // Deeper than any stack.
  const std::string deep =
      R"({"db": [)" + std::string(200'000, '[') + std::string(200'000, ']') + "]}";
  EXPECT_EQ(exit_code({"--config", dir.write("deep.json", deep)}, &told), kExitUsage);
  EXPECT_THAT(told, testing::HasSubstr("--config: \"db\": expected a text"));
}

TEST(ConfigTest, HelpAndVersionSucceed) {
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{"--help"},
                                             {"--version"},
                                             {"import", "--help"},
                                             {"query", "--help"},
                                             {"token", "create", "--help"}}) {
    EXPECT_EQ(exit_code(arguments), kExitSuccess) << testing::PrintToString(arguments);
  }
}

TEST(ConfigTest, QueryTakesPairsInBothForms) {
  const auto config = parse<QueryConfig>({"query", "--db", "/x.db", "action=block", "--direction",
                                          "inbound", "--remote_port=443", "q=a=b"});
  EXPECT_EQ(config.db_path, "/x.db");
  EXPECT_EQ(
      config.filters,
      (http::Parameters{
          {"action", "block"}, {"direction", "inbound"}, {"remote_port", "443"}, {"q", "a=b"}}));
}

TEST(ConfigTest, TokenCommandsHaveTheirVerbs) {
  const auto create = parse<TokenConfig>(
      {"token", "create", "--name", "ci", "--scope", "import,read", "--token-file", "/t"});
  EXPECT_EQ(create.verb, TokenConfig::Verb::kCreate);
  EXPECT_EQ(create.scopes, (std::vector<std::string>{"import", "read"}));
  EXPECT_EQ(create.token_path, "/t");
  EXPECT_EQ(parse<TokenConfig>({"token", "list"}).verb, TokenConfig::Verb::kList);
  EXPECT_EQ(parse<TokenConfig>({"token", "revoke", "ci"}).name, "ci");
}

TEST(ConfigTest, ServiceCommandsHaveTheirVerbs) {
  using Verb = ServiceConfig::Verb;
  const auto install = parse<ServiceConfig>({"service", "install", "--listen", ":0"});
  EXPECT_EQ(install.verb, Verb::kInstall);
  EXPECT_EQ(install.serve.listen.front().port, 0);
  EXPECT_EQ(install.options, (std::vector<std::string>{"--listen", ":0"}));
  EXPECT_EQ(parse<ServiceConfig>({"service", "uninstall"}).verb, Verb::kUninstall);
  EXPECT_EQ(exit_code({"service"}), kExitUsage);
  EXPECT_EQ(exit_code({"service", "install", "--listen", "nowhere"}), kExitUsage);
  EXPECT_EQ(exit_code({"service", "--listen", ":0", "install"}), kExitUsage);
}

TEST(ConfigTest, AServiceReadsItsOptionsOnlyWhenItRuns) {
  const std::vector<std::string> options{"--listen", "nowhere", "--config", "/no/such/file"};
  std::vector<std::string> arguments{"service", "run"};
  arguments.insert(arguments.end(), options.begin(), options.end());
  const auto config = parse<ServiceConfig>(arguments);
  EXPECT_EQ(config.verb, ServiceConfig::Verb::kRun);
  EXPECT_EQ(config.options, options);

  std::ostringstream faults;
  const Parsed parsed = parse_command_line(options, faults, faults);
  EXPECT_TRUE(std::holds_alternative<int>(parsed));
  EXPECT_NE(faults.str(), "");
}

TEST(ConfigTest, ImportTakesFilesAndOptions) {
  const auto config = parse<ImportConfig>(
      {"import", "--db", "/x.db", "--record", "permit", "--threads", "1", "--json", "a", "-"});
  EXPECT_EQ(config.files, (std::vector<std::string>{"a", "-"}));
  EXPECT_EQ(config.threads, 1U);
  EXPECT_TRUE(config.json);
}

TEST(ConfigTest, TheSelfTestMakesNoAttemptUnlessAsked) {
  const auto config = parse<SelfTestConfig>({"self-test"});
  EXPECT_FALSE(config.attempt || config.json);
  const auto all = parse<SelfTestConfig>({"self-test", "--db", "/x.db", "--attempt", "--json"});
  EXPECT_EQ(all.db_path, "/x.db");
  EXPECT_TRUE(all.attempt && all.json);
  EXPECT_EQ(exit_code({"self-test", "--retention-days", "1"}), kExitUsage);
}

TEST(ConfigTest, TokensLieBesideTheDatabase) {
  EXPECT_EQ(to_path(resolve_token_path("", "/var/lib/x/blockwatch.db")),
            to_path("/var/lib/x/tokens.json"));
  EXPECT_EQ(resolve_token_path("/t", "/var/lib/x/blockwatch.db"), "/t");
}

}  // namespace
}  // namespace blockwatch
