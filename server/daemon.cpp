#include "server/daemon.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <map>
#include <thread>
#include <utility>

#include "monitor/eventlog_api.h"
#include "monitor/monitor.h"
#include "monitor/sources.h"
#include "monitor/wait.h"
#include "server/access.h"
#include "server/api_context.h"
#include "server/api_routes.h"
#include "server/audit_coverage.h"
#include "server/audit_json.h"
#include "server/audit_policy_file.h"
#include "server/embedded.h"
#include "server/event_streams.h"
#include "server/fact_sender.h"
#include "server/health_board.h"
#include "server/http_server.h"
#include "server/import_queue.h"
#include "server/rate_meter.h"
#include "server/start_up.h"
#include "storage/event_store.h"

namespace blockwatch {
namespace {

constexpr std::chrono::milliseconds kPositionPause{500};

std::vector<std::string> urls_of(const std::vector<Listener>& listeners) {
  std::vector<std::string> urls;
  urls.reserve(listeners.size());
  for (const Listener& listener : listeners) urls.push_back(listener.address().url());
  return urls;
}

}  // namespace

// Members are declared in the order in which they start: destruction is the way back.
class Daemon::Impl {
 public:
  explicit Impl(StartUp parts)
      : config_(std::move(parts.config)),
        settings_(config_.given, parts.settings),
        db_path_(std::move(parts.db_path)),
        urls_(urls_of(parts.listeners)),
        certificate_path_(std::move(parts.tls.certificate_path)),
        fingerprint_(parts.tls.context ? parts.tls.context->fingerprint() : std::string()),
        tokens_(std::move(parts.tokens)),
        audit_(std::move(parts.audit)),
        readers_(db_path_),
        monitor_([this](const std::string& source) { return position_of(source); },
                 [this](EventBatch&& batch) { return take(std::move(batch)); },
                 [this](const std::string& source, const std::string& message) {
                   if (stop_.stop_requested()) return;
                   spdlog::error("source {}: {}", source, message);
                 }),
        writer_(std::move(parts.store), commits_, settings_.view().retention,
                {.open = [this](const std::string& damage) { return reopen(damage); },
                 .retention = [this] { return settings_.view().retention; },
                 .begun_anew = [this] { monitor_.repeat(); }}),
        imports_(writer_, db_path_ + ".imports", record_,
                 [this](const AppendResult& result) { count(result); }),
        streams_(readers_, commits_),
        backups_(db_path_, db_path_ + ".backups"),
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
                 .files = embedded_files(),
                 .audit_changes = config_.audit_changes},
        router_(make_routes(context_)),
        access_({.extra_hosts = config_.extra_hosts,
                 .require_token = config_.require_token,
                 .reader_groups = config_.allow_groups},
                *tokens_, *context_.sessions),
        http_(router_, access_, std::move(parts.listeners), {}, std::move(parts.tls.context)),
        audit_coverage_("windows:" + std::string(kEventLogChannel), record_,
                        [this](EventBatch&& batch) { facts_.send(std::move(batch)); }),
        facts_([this](EventBatch&& batch) { return take(std::move(batch)); },
               [this] { return listening(); }) {
    settings_.set_save([this](const StoredSettings& wanted, RetentionOptions retention) {
      return writer_.change_settings(wanted, retention);
    });
  }

  Result<void> start(const std::shared_ptr<DropWatch>& drops) {
    // What is stored already can be asked for from the first moment.
    if (auto reader = readers_.borrow()) {
      if (const auto status = (*reader)->status()) commits_.publish(status->newest_seq);
    }

    // Before the audit's thread: a live log switches a right of this process on and needs it from
    // then on; who reads the policy switches it off again if it was off before.
    std::vector<std::unique_ptr<EventSource>> sources;
    for (const std::string& spec : config_.sources) {
      auto source = make_source(spec, record_, audited(), drops);
      if (!source && spec == "auto") {
        spdlog::warn("auto: no live source: {}; --source names another", source.error().message);
        continue;
      }
      if (!source) return tl::unexpected(source.error());
      if (*source && spec == "auto") spdlog::info("auto: {}", (*source)->name());
      if (*source) sources.push_back(std::move(*source));
    }
    if (auto made = begin_auditing(sources); !made) return made;
    tell_gaps(sources);
    audit_->start(
        [this](const AuditChangeRecord& change) {
          if (audits_) audit_coverage_.hear(change);
          const std::string text = audit_change_json(change);
          spdlog::info("audit policy: {}", text);
          streams_.tell("policy", text);
        },
        config_.audit_changes);
    http_thread_ = std::jthread([this] { http_.run(); });
    for (auto& source : sources) monitor_.add(std::move(source));
    facts_.start();
    health();  // each check is as it is since the start
    return {};
  }

  const std::vector<std::string>& urls() const { return urls_; }
  const std::string& certificate_path() const { return certificate_path_; }
  const std::string& fingerprint() const { return fingerprint_; }

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
    // The writer's connection closes last, and moves the log into the file.
    readers_.renew([] {});
    return drained;
  }

 private:
  // Each source reads the policy for itself, on its own thread.
  AuditPolicyFn audited() const {
    std::shared_ptr<AuditPolicySource> policy =
        open_audit_policy(config_.audit_policy_path, db_path_);
    return [policy] { return policy->read(); };
  }

  // Where a source asks our own policy what to record, blocks are recorded until somebody says
  // otherwise.
  Result<void> begin_auditing(const std::vector<std::unique_ptr<EventSource>>& sources) const {
    const bool asked = std::ranges::any_of(
        sources, [](const auto& source) { return source->name().starts_with("nflog:"); });
    if (!asked) return {};
    return start_audit_policy(config_.audit_policy_path, db_path_);
  }

  // Runs on the source's thread.
  bool take(EventBatch&& batch) {
    const std::string source = batch.source;
    {
      std::lock_guard lock(epochs_mutex_);
      if (const auto asked = epochs_.find(source); asked != epochs_.end()) {
        batch.epoch = asked->second;
      }
    }
    return writer_.push(
        std::move(batch),
        [this, source](const AppendResult& result) {
          count(result);
          rate_of(source).add(result.stored);
        },
        stop_.get_token());
  }

  // What nobody read while the program did not run, and what was not audited.
  void tell_gaps(const std::vector<std::unique_ptr<EventSource>>& sources) {
    Result<std::vector<SourceRecord>> records;
    if (auto reader = readers_.borrow()) {
      records = (*reader)->sources();
    } else {
      records = tl::unexpected(reader.error());
    }
    if (!records) {
      spdlog::warn("what was missed before this start is not known: {}", records.error().message);
      return;
    }
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

  // The next start then knows when they ended. Where there is no room it is not waited for: the
  // token says stop by now.
  void beat_last() {
    if (writer_.counters().stalled_ms != 0) return;
    for (const std::string& name : listening()) {
      writer_.push({.source = name}, {}, stop_.get_token());
    }
  }

  void count(const AppendResult& result) {
    stored_.add(result.stored);
    duplicate_.add(result.duplicate);
  }

  // Waits while the store cannot be read: a source could not begin without.
  Result<std::string> position_of(const std::string& source) {
    while (true) {
      {
        std::lock_guard lock(epochs_mutex_);
        epochs_[source] = writer_.epoch();
      }
      Result<std::string> position;
      if (auto reader = readers_.borrow()) {
        position = (*reader)->position(source);
      } else {
        position = tl::unexpected(reader.error());
      }
      if (position || !may_pass(position.error().code)) return position;
      if (!wait_for(stop_.get_token(), kPositionPause)) return position;
    }
  }

  // On the writer's thread.
  Result<std::unique_ptr<Store>> reopen(const std::string& damage) {
    Result<std::unique_ptr<Store>> store;
    // Who reads a file that could not be written holds it so for the whole process.
    readers_.renew([&] { store = open_store(config_, db_path_, damage); });
    std::string error = store ? std::string() : store.error().message;
    if (!error.empty() && error != reopen_error_) spdlog::error("{}; it is tried again", error);
    reopen_error_ = std::move(error);
    if (!store) return store;
    if (!(*store)->set_aside().empty()) {
      // The new one takes over what was set. Without it goes on, too: that it was begun anew must
      // not be forgotten.
      if (auto saved = (*store)->save(settings_.stored()); !saved) {
        spdlog::error("the settings were not taken over: {}", saved.error().message);
      }
    } else if (const auto stored = (*store)->settings()) {
      settings_.adopt(*stored);
    } else {
      return tl::unexpected(stored.error());
    }
    return store;
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
      const auto& counts = source.report.counts;
      all.push_back({.name = source.name,
                     .state = std::string(to_word(source.report.state)),
                     .lag_ms = source.report.lag_ms,
                     .folded = counts ? std::optional(counts->folded) : std::nullopt,
                     .ignored = counts ? std::optional(counts->ignored) : std::nullopt,
                     .rate_per_s = rate_of(source.name).per_second(),
                     .last_error = source.report.last_error});
    }
    return all;
  }

  std::vector<HealthCheck> health() {
    return board_.look(readers_, writer_.counters(), audit_->trail().fails(), source_status());
  }

  const ServeConfig config_;
  Settings settings_;
  const ActionSet record_ = settings_.view().record;  // until the next start
  const std::string db_path_;
  const std::vector<std::string> urls_;
  const std::string certificate_path_;
  const std::string fingerprint_;
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
  std::string reopen_error_;  // the writer's thread only
  std::mutex epochs_mutex_;
  // EventWriter::epoch() when a source last asked for its position; guarded by epochs_mutex_.
  std::map<std::string, std::uint64_t> epochs_;
  // These start nothing by themselves, and the writer's thread uses them from its first moment.
  ReaderPool readers_;
  Monitor monitor_;
  EventWriter writer_;
  ImportQueue imports_;
  EventStreams streams_;
  BackupJobs backups_;
  ApiContext context_;
  const Router router_;
  const Access access_;
  HttpServer http_;
  AuditCoverage audit_coverage_;
  bool audits_ = false;  // a source depends on the policy; set before any thread asks
  FactSender facts_;
  std::jthread http_thread_;
};

Daemon::Daemon(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Daemon::~Daemon() { stop(); }
const std::vector<std::string>& Daemon::urls() const { return impl_->urls(); }
const std::string& Daemon::certificate_path() const { return impl_->certificate_path(); }
const std::string& Daemon::fingerprint() const { return impl_->fingerprint(); }
bool Daemon::stop() { return impl_->stop(); }

Result<std::unique_ptr<Daemon>> Daemon::start(ServeConfig config) {
  auto parts = start_up(std::move(config));
  if (!parts) return tl::unexpected(parts.error());
  const auto drops = std::move(parts->drops);  // of the sources that take it
  auto daemon = std::unique_ptr<Daemon>(new Daemon(std::make_unique<Impl>(std::move(*parts))));
  if (auto started = daemon->impl_->start(drops); !started) return tl::unexpected(started.error());
  return daemon;
}

}  // namespace blockwatch
