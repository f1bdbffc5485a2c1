#include "server/daemon.h"

#include <spdlog/spdlog.h>

#include <filesystem>
#include <map>
#include <thread>
#include <utility>

#include "monitor/monitor.h"
#include "monitor/sources.h"
#include "monitor/wait.h"
#include "server/access.h"
#include "server/api_context.h"
#include "server/api_routes.h"
#include "server/audit_json.h"
#include "server/embedded.h"
#include "server/event_streams.h"
#include "server/health_board.h"
#include "server/http_server.h"
#include "server/import_queue.h"
#include "server/rate_meter.h"
#include "server/store_words.h"
#include "storage/event_store.h"
#include "storage/file_path.h"

namespace blockwatch {
namespace {

// A commit that has been failing for longer turns the readiness red.
constexpr std::int64_t kStalledMs = 5'000;
constexpr std::chrono::milliseconds kPositionPause{500};

// What may pass, so that the program starts without and goes on once it has.
bool may_pass(ErrorCode code) {
  return code == ErrorCode::kUnavailable || code == ErrorCode::kPermission ||
         code == ErrorCode::kIo;
}

Result<std::unique_ptr<Store>> open_store(const ServeConfig& config, const std::string& db_path,
                                          const std::string& damage = {}) {
  auto store = Store::open(
      {.path = db_path, .set_aside_damaged = config.set_aside_damaged, .damage = damage});
  if (store && !(*store)->set_aside().empty()) {
    spdlog::error(
        "the store was damaged: it is kept as {}, and a new one takes what the logs still hold",
        (*store)->set_aside());
  } else if (!store && store.error().code == ErrorCode::kCorrupt) {
    store.error().message +=
        "; rename it to begin a new one, or start with --on-corrupt=new, which does that";
  }
  return store;
}

// As open_store(); also looks whether what every answer begins with can be read.
Result<std::unique_ptr<Store>> open_whole_store(const ServeConfig& config,
                                                const std::string& db_path) {
  auto store = open_store(config, db_path);
  if (!store) return store;
  Result<StoreStatus> status;
  if (auto reader = StoreReader::open(db_path)) {
    status = (*reader)->status();
  } else {
    status = tl::unexpected(reader.error());
  }
  if (status || status.error().code != ErrorCode::kCorrupt) return store;
  *store = nullptr;
  return open_store(config, db_path, status.error().message);
}

}  // namespace

// Members are declared in the order in which they start: destruction is the way back.
class Daemon::Impl {
 public:
  Impl(ServeConfig config, const std::string& db_path, std::unique_ptr<Store> store,
       std::unique_ptr<TokenStore> tokens, std::unique_ptr<AuditKeeper> audit)
      : config_(std::move(config)),
        tokens_(std::move(tokens)),
        audit_(std::move(audit)),
        db_path_(db_path),
        readers_(db_path),
        monitor_([this](const std::string& source) { return position_of(source); },
                 [this](EventBatch&& batch) { return take(std::move(batch)); },
                 [this](const std::string& source, const std::string& message) {
                   if (stop_.stop_requested()) return;
                   spdlog::error("source {}: {}", source, message);
                 }),
        writer_(std::move(store), commits_, config_.retention,
                {.open = [this](const std::string& damage) { return reopen(damage); },
                 .begun_anew = [this] { monitor_.repeat(); }}),
        imports_(writer_, db_path + ".imports", config_.record,
                 [this](const AppendResult& result) { count(result); }),
        streams_(readers_, commits_),
        context_{.readers = readers_,
                 .commits = commits_,
                 .imports = imports_,
                 .streams = streams_,
                 .audit = *audit_,
                 .status = [this] { return service_status(); },
                 .sources = [this] { return source_status(); },
                 .health = [this] { return health(); },
                 .files = embedded_files()},
        router_(make_routes(context_)),
        access_({.extra_hosts = config_.extra_hosts, .require_token = config_.require_token},
                *tokens_),
        http_(router_, access_, {.host = config_.listen_host, .port = config_.listen_port}) {}

  Result<void> start() {
    // What is stored already can be asked for from the first moment.
    if (auto reader = readers_.borrow()) {
      if (const auto status = (*reader)->status()) commits_.publish(status->newest_seq);
    }

    const auto port = http_.bind();
    if (!port) return tl::unexpected(port.error());
    const bool is_v6 = config_.listen_host.find(':') != std::string::npos;
    url_ = "http://" + (is_v6 ? "[" + config_.listen_host + "]" : config_.listen_host) + ":" +
           std::to_string(*port);
    // Before the audit's thread: a live log switches a right of this process on and needs it from
    // then on; who reads the policy switches it off again if it was off before.
    std::vector<std::unique_ptr<EventSource>> sources;
    for (const std::string& spec : config_.sources) {
      auto source = make_source(spec, config_.record);
      if (!source) return tl::unexpected(source.error());
      if (*source) {
        sources.push_back(std::move(*source));
      } else if (spec == "auto") {
        spdlog::info("no live source on this system; give --source to name one");
      }
    }
    audit_->start([this](const AuditChangeRecord& change) {
      const std::string text = audit_change_json(change);
      spdlog::info("audit policy: {}", text);
      streams_.tell("policy", text);
    });
    http_thread_ = std::jthread([this] { http_.run(); });
    for (auto& source : sources) monitor_.add(std::move(source));
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
    monitor_.stop();
    imports_.stop();
    const bool drained = writer_.stop();
    if (http_thread_.joinable()) http_thread_.join();
    // The writer's connection closes last, and moves the log into the file.
    readers_.renew([] {});
    return drained;
  }

 private:
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
            .record = config_.record,
            .connections = http.connections,
            .streams = http.streams,
            .requests = http.requests};
  }

  std::vector<SourceStatus> source_status() {
    std::vector<SourceStatus> all;
    for (auto& [name, report] : monitor_.status()) {
      all.push_back({.name = name,
                     .state = std::string(to_word(report.state)),
                     .lag_ms = report.lag_ms,
                     .rate_per_s = rate_of(name).per_second(),
                     .last_error = report.last_error});
    }
    return all;
  }

  std::vector<HealthCheck> health() {
    std::vector<HealthCheck> checks;
    auto reader = readers_.borrow();
    const auto store = reader ? (*reader)->status() : tl::unexpected(reader.error());
    std::string told = store ? "" : "the store cannot be read";
    if (store && store->set_aside) told = store->set_aside->detail;
    checks.push_back(board_.check("store", store.has_value(), std::move(told)));

    const WriterCounters writer = writer_.counters();
    const bool writes = writer.stalled_ms < kStalledMs;
    checks.push_back(board_.check("writer", writes,
                                  writes ? ""
                                         : "nothing could be stored for " +
                                               std::to_string(writer.stalled_ms) +
                                               " ms: " + words_for(writer)));
    const bool trail = !audit_->trail().fails();
    checks.push_back(board_.check("audit-trail", trail,
                                  trail ? "" : "it cannot be read or written: no change is made"));

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
  const std::string db_path_;
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
  ApiContext context_;
  const Router router_;
  const Access access_;
  HttpServer http_;
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
  auto store = open_whole_store(config, *db_path);
  if (!store) {
    std::error_code error;
    const bool is_there = std::filesystem::file_size(to_path(*db_path), error) > 0 && !error;
    if (!is_there || !may_pass(store.error().code)) return tl::unexpected(store.error());
    spdlog::error("{}; it is tried again", store.error().message);
    store = std::unique_ptr<Store>();
  }
  auto audit = AuditKeeper::open(config.audit_policy_path, *db_path);
  if (!audit) return tl::unexpected(audit.error());
  auto impl = std::make_unique<Impl>(config, *db_path, std::move(*store), std::move(*tokens),
                                     std::move(*audit));
  auto daemon = std::unique_ptr<Daemon>(new Daemon(std::move(impl)));
  if (auto started = daemon->impl_->start(); !started) return tl::unexpected(started.error());
  return daemon;
}

}  // namespace blockwatch
