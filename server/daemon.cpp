#include "server/daemon.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <thread>
#include <utility>

#include "monitor/eventlog_api.h"
#include "monitor/monitor.h"
#include "monitor/sources.h"
#include "server/access.h"
#include "server/api_context.h"
#include "server/api_routes.h"
#include "server/audit_coverage.h"
#include "server/audit_json.h"
#include "server/embedded.h"
#include "server/event_streams.h"
#include "server/fact_sender.h"
#include "server/health_board.h"
#include "server/http_server.h"
#include "server/import_queue.h"
#include "server/rate_meter.h"
#include "storage/event_store.h"
#include "storage/file_path.h"

namespace blockwatch {
namespace {

// A commit that has been failing for longer turns the readiness red.
constexpr std::int64_t kStalledMs = 5'000;

}  // namespace

// Members are declared in the order in which they start: destruction is the way back.
class Daemon::Impl {
 public:
  Impl(ServeConfig config, const std::string& db_path, std::unique_ptr<Store> store,
       std::unique_ptr<TokenStore> tokens, std::unique_ptr<AuditKeeper> audit,
       const StoredSettings& stored)
      : config_(std::move(config)),
        settings_(config_.given, stored),
        tokens_(std::move(tokens)),
        audit_(std::move(audit)),
        writer_(std::move(store), commits_, settings_.view().retention),
        readers_(db_path),
        imports_(writer_, db_path + ".imports", record_,
                 [this](const AppendResult& result) { count(result); }),
        streams_(readers_, commits_),
        backups_(db_path, db_path + ".backups"),
        context_{.readers = readers_,
                 .commits = commits_,
                 .imports = imports_,
                 .streams = streams_,
                 .audit = *audit_,
                 .backups = backups_,
                 .settings = settings_,
                 .status = [this] { return service_status(); },
                 .sources = [this] { return source_status(); },
                 .health = [this] { return health(); },
                 .files = embedded_files()},
        router_(make_routes(context_)),
        access_({.extra_hosts = config_.extra_hosts, .require_token = config_.require_token},
                *tokens_),
        http_(router_, access_, {.host = config_.listen_host, .port = config_.listen_port}),
        monitor_([this](const std::string& source) { return position_of(source); },
                 [this](EventBatch&& batch) { return take(std::move(batch)); },
                 [](const std::string& source, const std::string& message) {
                   spdlog::error("source {}: {}", source, message);
                 }),
        audit_coverage_("windows:" + std::string(kEventLogChannel), record_,
                        [this](EventBatch&& batch) { facts_.send(std::move(batch)); }),
        facts_([this](EventBatch&& batch) { return take(std::move(batch)); },
               [this] { return listening(); }) {
    settings_.set_save([this](const StoredSettings& wanted, RetentionOptions retention) {
      return writer_.change_settings(wanted, retention);
    });
  }

  Result<void> start() {
    // What is stored already can be asked for from the first moment.
    auto reader = readers_.borrow();
    if (!reader) return tl::unexpected(reader.error());
    const auto status = (*reader)->status();
    if (!status) return tl::unexpected(status.error());
    commits_.publish(status->newest_seq);

    const auto port = http_.bind();
    if (!port) return tl::unexpected(port.error());
    const bool is_v6 = config_.listen_host.find(':') != std::string::npos;
    url_ = "http://" + (is_v6 ? "[" + config_.listen_host + "]" : config_.listen_host) + ":" +
           std::to_string(*port);
    // Before the audit's thread: a live log switches a right of this process on and needs it from
    // then on; who reads the policy switches it off again if it was off before.
    std::vector<std::unique_ptr<EventSource>> sources;
    for (const std::string& spec : config_.sources) {
      auto source = make_source(spec, record_);
      if (!source) return tl::unexpected(source.error());
      if (*source) {
        sources.push_back(std::move(*source));
      } else if (spec == "auto") {
        spdlog::info("no live source on this system; give --source to name one");
      }
    }
    if (auto told = tell_gaps(**reader, sources); !told) return told;
    audit_->start([this](const AuditChangeRecord& change) {
      if (audits_) audit_coverage_.hear(change);
      const std::string text = audit_change_json(change);
      spdlog::info("audit policy: {}", text);
      streams_.tell("policy", text);
    });
    http_thread_ = std::jthread([this] { http_.run(); });
    for (auto& source : sources) monitor_.add(std::move(source));
    facts_.start();
    health();  // each check is as it is since the start
    return {};
  }

  const std::string& url() const { return url_; }

  bool stop() {
    stop_.request_stop();
    commits_.close();
    readers_.stop();
    audit_->stop();  // requests may wait in it
    http_.stop();
    facts_.stop();
    beat_last();
    monitor_.stop();
    imports_.stop();
    backups_.stop();
    const bool drained = writer_.stop();
    if (http_thread_.joinable()) http_thread_.join();
    return drained;
  }

 private:
  // Runs on the source's thread.
  bool take(EventBatch&& batch) {
    const std::string source = batch.source;
    return writer_.push(
        std::move(batch),
        [this, source](const AppendResult& result) {
          count(result);
          rate_of(source).add(result.stored);
        },
        stop_.get_token());
  }

  // What nobody read while the program did not run, and what was not audited.
  Result<void> tell_gaps(StoreReader& reader,
                         const std::vector<std::unique_ptr<EventSource>>& sources) {
    const auto records = reader.sources();
    if (!records) return tl::unexpected(records.error());
    for (const auto& source : sources) {
      const auto known = std::ranges::find(*records, source->name(), &SourceRecord::name);
      const auto heard = known == records->end() ? std::nullopt : known->updated;
      if (!source->rereads() && heard) {
        take({.source = source->name(),
              .facts = {{.kind = CoverageKind::kServiceDown,
                         .start = std::min(*heard, start_time_),
                         .end = start_time_,
                         .detail = "the program did not run"}}});
      }
      if (source->name() != audit_coverage_.source()) continue;
      if (const auto view = audit_->view()) {
        audits_ = true;
        audit_coverage_.begin(view->policy, heard, start_time_);
      }
    }
    return {};
  }

  // Sources that listen now, and cannot read later what they miss.
  std::vector<std::string> listening() const {
    std::vector<std::string> names;
    for (const auto& source : monitor_.status()) {
      if (!source.rereads && source.report.state == SourceState::kFollowing) {
        names.push_back(source.name);
      }
    }
    return names;
  }

  // The next start then knows when they ended.
  void beat_last() {
    if (writer_.counters().stalled_ms != 0) return;
    for (const std::string& name : listening()) writer_.push({.source = name}, {}, {});
  }

  void count(const AppendResult& result) {
    stored_.add(result.stored);
    duplicate_.add(result.duplicate);
  }

  Result<std::string> position_of(const std::string& source) {
    auto reader = readers_.borrow();
    if (!reader) return tl::unexpected(reader.error());
    return (*reader)->position(source);
  }

  RateMeter& rate_of(const std::string& source) {
    std::lock_guard lock(rates_mutex_);
    return rates_[source];  // a map's values stay in place
  }

  ServiceStatus service_status() {
    const HttpCounters http = http_.counters();
    return {.version = BLOCKWATCH_VERSION,
            .start_time = start_time_,
            .writer = writer_.counters(),
            .stored_per_s = stored_.per_second(),
            .duplicate_per_s = duplicate_.per_second(),
            .record = record_,
            .connections = http.connections,
            .streams = http.streams,
            .requests = http.requests};
  }

  std::vector<SourceStatus> source_status() {
    std::vector<SourceStatus> all;
    for (const auto& source : monitor_.status()) {
      all.push_back({.name = source.name,
                     .state = std::string(to_word(source.report.state)),
                     .lag_ms = source.report.lag_ms,
                     .rate_per_s = rate_of(source.name).per_second(),
                     .last_error = source.report.last_error});
    }
    return all;
  }

  std::vector<HealthCheck> health() {
    std::vector<HealthCheck> checks;
    auto reader = readers_.borrow();
    const bool readable = reader && (*reader)->status();
    checks.push_back(board_.check("store", readable, readable ? "" : "the store cannot be read"));

    const WriterCounters writer = writer_.counters();
    const bool writes = writer.stalled_ms < kStalledMs;
    checks.push_back(board_.check(
        "writer", writes,
        writes ? "" : "nothing could be stored for " + std::to_string(writer.stalled_ms) + " ms"));

    std::string failed;
    for (const auto& source : monitor_.status()) {
      if (source.report.state == SourceState::kFailed) {
        failed += (failed.empty() ? "" : ", ") + source.name;
      }
    }
    checks.push_back(
        board_.check("sources", failed.empty(), failed.empty() ? "" : "failed: " + failed));
    return checks;
  }

  const ServeConfig config_;
  Settings settings_;
  const ActionSet record_ = settings_.view().record;  // until the next start
  const Timestamp start_time_ = now();
  const std::unique_ptr<TokenStore> tokens_;
  const std::unique_ptr<AuditKeeper> audit_;
  std::stop_source stop_;
  CommitSignal commits_;
  RateMeter stored_;
  RateMeter duplicate_;
  std::mutex rates_mutex_;
  std::map<std::string, RateMeter> rates_;  // guarded by rates_mutex_; its values guard themselves
  HealthBoard board_;
  EventWriter writer_;
  ReaderPool readers_;
  ImportQueue imports_;
  EventStreams streams_;
  BackupJobs backups_;
  ApiContext context_;
  const Router router_;
  const Access access_;
  HttpServer http_;
  Monitor monitor_;
  AuditCoverage audit_coverage_;
  bool audits_ = false;  // a source depends on the policy; set before any thread asks
  FactSender facts_;
  std::string url_;
  std::jthread http_thread_;
};

Daemon::Daemon(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Daemon::~Daemon() { stop(); }
const std::string& Daemon::url() const { return impl_->url(); }
bool Daemon::stop() { return impl_->stop(); }

Result<std::unique_ptr<Daemon>> Daemon::start(const ServeConfig& config) {
  auto db_path = resolve_db_path(config.db_path);
  if (!db_path) return tl::unexpected(db_path.error());
  auto tokens = TokenStore::open(to_path(resolve_token_path(config.token_path, *db_path)));
  if (!tokens) return tl::unexpected(tokens.error());
  auto store = Store::open({.path = *db_path});
  if (!store) return tl::unexpected(store.error());
  const auto settings = (*store)->settings();
  if (!settings) return tl::unexpected(settings.error());
  auto audit = AuditKeeper::open(config.audit_policy_path, *db_path);
  if (!audit) return tl::unexpected(audit.error());
  auto impl = std::make_unique<Impl>(config, *db_path, std::move(*store), std::move(*tokens),
                                     std::move(*audit), *settings);
  auto daemon = std::unique_ptr<Daemon>(new Daemon(std::move(impl)));
  if (auto started = daemon->impl_->start(); !started) return tl::unexpected(started.error());
  return daemon;
}

}  // namespace blockwatch
