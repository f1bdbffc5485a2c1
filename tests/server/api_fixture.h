#pragma once
// The whole API over a real store in a temporary folder; requests as values, without sockets.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "server/api_routes.h"
#include "storage/event_store.h"
#include "tests/support/temp_dir.h"

namespace blockwatch {

using Headers = std::map<std::string, std::string>;

// Keeps what was sent; reading it is another part's business.
class KeptImports : public ImportJobs {
 public:
  Result<std::string> start(const ImportUpload& upload) override {
    std::string body;
    std::array<char, 7> buffer;  // small and odd, so that pieces meet anywhere
    for (;;) {
      auto got = upload.body(buffer.data(), buffer.size());
      if (!got) return tl::unexpected(got.error());
      if (*got == 0) break;
      body.append(buffer.data(), *got);
    }
    if (body.empty()) return make_error(ErrorCode::kInvalidArgument, "The body is empty.");
    name = upload.name;
    bodies.push_back(std::move(body));
    job.id = "j1";
    job.sent_bytes = upload.sent_bytes;
    return job.id;
  }
  std::optional<ImportJob> find(std::string_view id) const override {
    return id == job.id ? std::optional(job) : std::nullopt;
  }

  std::string name;
  std::vector<std::string> bodies;
  ImportJob job;
};

class ApiTest : public testing::Test {
 protected:
  using Json = nlohmann::json;

  void SetUp() override {
    auto opened = Store::open({folder_.path("events.db")});
    ASSERT_TRUE(opened) << opened.error().message;
    store_ = std::move(*opened);
    readers_ = std::make_unique<ReaderPool>(folder_.path("events.db"));
    streams_ = std::make_unique<EventStreams>(*readers_, commits_, stream_options());
    auto audit = AuditKeeper::open(folder_.path("audit-policy.csv"), folder_.path("events.db"));
    ASSERT_TRUE(audit) << audit.error().message;
    audit_ = std::move(*audit);
    backups_ = std::make_unique<BackupJobs>(folder_.path("events.db"), folder_.path("backups"));
    make_settings({});
    context_ = std::make_unique<ApiContext>(ApiContext{*readers_,
                                                       commits_,
                                                       imports_,
                                                       *streams_,
                                                       *audit_,
                                                       *backups_,
                                                       *settings_,
                                                       [this] { return service_; },
                                                       [this] { return sources_; },
                                                       [this] { return checks_; },
                                                       {}});
    router_ = std::make_unique<Router>(make_routes(*context_));
  }

  // `given`: on the command line.
  void make_settings(const StoredSettings& given) {
    settings_ = std::make_unique<Settings>(given, StoredSettings{});
    settings_->set_save([this](const StoredSettings& wanted, RetentionOptions retention) {
      saved_.emplace_back(wanted, retention);
      return save_result_;
    });
  }

  virtual EventStreamsOptions stream_options() const { return {}; }

  // Event number n (from 1): one second later than n-1, values that tell it from its neighbours.
  static Event event(std::uint64_t n, TextArena& text) {
    Event e;
    e.time = Timestamp{17'000'000'000'000'000 +
                       static_cast<std::int64_t>(n) * Timestamp::kTicksPerSecond + 7};
    e.host = "PC01";
    e.channel = "Security";
    e.record_id = 1000 + n;
    e.event_id = n % 3 == 0 ? 5152 : 5157;
    e.event_version = 1;
    e.direction = n % 2 == 0 ? Direction::kInbound : Direction::kOutbound;
    e.protocol = static_cast<std::uint8_t>(n % 5 == 0 ? 17 : 6);
    e.local_address = IpAddress::v4(0xC0000201);
    e.remote_address = IpAddress::v4(0xC6336400 + static_cast<std::uint32_t>(n % 200));
    e.local_port = static_cast<std::uint16_t>(40000 + n % 1000);
    e.remote_port = n % 4 == 0 ? std::uint16_t{443} : std::uint16_t{8080};
    e.process_id = 4;
    e.application = text.copy("\\device\\harddiskvolume2\\App" + std::to_string(n % 3) + ".exe");
    e.filter_id = 67000 + n % 2;
    e.filter_origin = n % 2 == 0 ? "Default Inbound" : "{5C1C5A7E-6C0B-4A9C-8F5B-1D2E3F405162}";
    e.layer_id = 48;
    e.layer = "connect";
    e.reason = n % 2 == 0 ? Reason::kDefaultInbound : Reason::kRule;
    auto raw = text.array<RawField>(2);
    raw[0] = {"ProcessId", "4"};
    raw[1] = {"Extra", text.copy("value, \"" + std::to_string(n) + "\"")};
    e.raw = raw;
    return e;
  }

  // Stores events first..last as one commit and tells the signal.
  // What the source "windows:Security" missed.
  void store_facts(std::vector<CoverageFact> facts) {
    std::lock_guard lock(store_mutex_);
    ASSERT_TRUE(
        store_->append(EventBatch{.source = "windows:Security", .facts = std::move(facts)}));
  }

  void store(std::uint64_t first, std::uint64_t last, const std::string& source = "evtx:a.evtx") {
    EventBatch batch;
    batch.source = source;
    for (std::uint64_t n = first; n <= last; ++n) {
      Event e = event(n, batch.list.text);
      e.source = batch.list.text.copy(source);
      batch.list.events.push_back(e);
    }
    batch.position = std::to_string(last);
    std::lock_guard lock(store_mutex_);
    auto result = store_->append(batch);
    ASSERT_TRUE(result) << result.error().message;
    commits_.publish(result->newest_seq);
  }

  http::Request request(const std::string& method, const std::string& target,
                        const Headers& headers = {}) {
    http::Request r;
    r.method = method;
    r.target = target;
    r.path = target.substr(0, target.find('?'));
    r.token.name = "tester";
    r.peer = "127.0.0.1";
    r.header = [headers](std::string_view name) -> std::optional<std::string> {
      auto it = headers.find(std::string(name));
      return it == headers.end() ? std::nullopt : std::optional(it->second);
    };
    return r;
  }

  http::Response send(http::Request r) {
    Match match = router_->match(r.method, r.path);
    if (match.route == nullptr) {
      ADD_FAILURE() << "no route for " << r.target;
      return {};
    }
    r.path_values = match.path_values;
    return match.route->handler(r);
  }

  http::Response get(const std::string& target, const Headers& headers = {}) {
    return send(request("GET", target, headers));
  }

  // The answer's JSON; the status must be as given.
  Json get_json(const std::string& target, int status = 200) {
    http::Response response = get(target);
    EXPECT_EQ(response.status, status) << target << ": " << response.body;
    return Json::parse(response.body, nullptr, false);
  }

  static std::string whole_body(const http::Response& response) {
    if (!response.stream) return response.body;
    std::string body;
    response.stream([&body](std::string_view piece) {
      body += piece;
      return true;
    });
    return body;
  }

  static std::string header_of(const http::Response& response, std::string_view name) {
    for (const auto& [key, value] : response.headers) {
      if (key == name) return value;
    }
    return {};
  }

  static std::vector<std::uint64_t> seqs(const Json& page) {
    std::vector<std::uint64_t> result;
    for (const auto& e : page["events"]) result.push_back(e["seq"].get<std::uint64_t>());
    return result;
  }

  TempDir folder_;
  CommitSignal commits_;
  KeptImports imports_;
  ServiceStatus service_;
  std::vector<SourceStatus> sources_;
  std::vector<HealthCheck> checks_;
  std::mutex store_mutex_;  // the store takes one thread at a time
  std::unique_ptr<Store> store_;
  std::unique_ptr<ReaderPool> readers_;
  std::unique_ptr<EventStreams> streams_;
  std::unique_ptr<AuditKeeper> audit_;
  std::unique_ptr<BackupJobs> backups_;
  std::unique_ptr<Settings> settings_;
  std::vector<std::pair<StoredSettings, RetentionOptions>> saved_;
  Result<void> save_result_;
  std::unique_ptr<ApiContext> context_;
  std::unique_ptr<Router> router_;
};

}  // namespace blockwatch
