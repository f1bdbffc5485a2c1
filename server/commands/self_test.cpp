#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <iostream>

#include "monitor/name_resolver.h"
#include "monitor/netevent_queue.h"
#include "monitor/netfilter/drop_watch.h"
#include "monitor/netfilter/nflog_api.h"
#include "monitor/os_user.h"
#include "server/audit_policy_file.h"
#include "server/commands/commands.h"
#include "server/self_test/checks.h"
#include "server/self_test/round_trip.h"
#include "storage/event_store.h"
#include "storage/file_path.h"

namespace blockwatch {
namespace {

// So many of the newest records are looked at, of any kind: a few megabytes of the log.
constexpr std::uint64_t kRecords = 20'000;
constexpr std::size_t kEvents = 500;
constexpr std::chrono::seconds kAttemptLimit{15};

double ms_since(Timestamp time) { return static_cast<double>(now().ticks - time.ticks) / 10'000; }

Check check_data(const std::string& db_option, std::string& db_path) {
  const auto path = resolve_db_path(db_option);
  if (!path) return failed_check("data", path.error());
  db_path = *path;
  std::error_code error;
  if (!std::filesystem::exists(to_path(*path), error)) {
    return {"data", Verdict::kOk, *path + " does not exist yet: nothing was stored"};
  }
  const auto reader = StoreReader::open(*path);
  if (!reader) return failed_check("data", reader.error());
  const auto status = (*reader)->status();
  if (!status) return failed_check("data", status.error());
  return {
      "data", Verdict::kOk,
      *path + ": " + std::to_string(status->rows) + " events" +
          (status->newest_time ? ", the newest of " + format_rfc3339(*status->newest_time) : "")};
}

void check_log(EventLogApi& log, const HostFacts& facts, Checks& checks) {
  checks.push_back(check_channel(log.info()));
  auto recent = read_recent_events(log, kRecords, kEvents);
  if (!recent) {
    checks.push_back(failed_check("shapes", log_failure("read the Security log", recent.error())));
    return;
  }
  std::string fault;
  if (const auto names = system_names()) {
    for (Event& event : recent->list.events) names->resolve(event, recent->list.text);
    fault = names->fault();
  }
  checks.push_back(check_shapes(*recent));
  checks.push_back(check_orientation(*recent, facts.addresses));
  checks.push_back(check_filter_names(*recent, fault));
}

// Hears what the engine tells meanwhile.
class NetEventWatch {
 public:
  explicit NetEventWatch(NetEventApi* api) {
    if (api == nullptr) return;
    auto session = api->open([this](NetEvent&& event) { queue_.push(std::move(event)); });
    if (session) session_ = std::move(*session);
  }

  Check told_of(std::uint16_t port) {
    // It may take longer than the log.
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(2);
    do {
      const auto taken = queue_.take(std::chrono::milliseconds(100));
      if (std::ranges::any_of(taken.events,
                              [port](const NetEvent& e) { return e.remote_port == port; })) {
        return {"net-event", Verdict::kOk, "the filtering engine told of it, too"};
      }
    } while (std::chrono::steady_clock::now() < end);
    return {"net-event", Verdict::kWarning, "the filtering engine did not tell of it",
            "only --source netevent needs that"};
  }

 private:
  NetEventQueue queue_{1'000};
  std::unique_ptr<NetEventSession> session_;  // ends before what it fills
};

// Makes the attempt and follows it; what was found goes into `list`.
Checks follow_attempt(EventLogApi& log, NetEventApi* engine, EventList& list) {
  const auto info = log.info();
  if (!info) return {failed_check("attempt", log_failure("open the Security log", info.error()))};
  std::optional<std::uint64_t> newest;
  if (info->records > 0) newest = info->oldest_record_id + info->records - 1;
  const auto subscription = subscribe_after(log, newest);
  if (!subscription) {
    return {failed_check("attempt", log_failure("follow the Security log", subscription.error()))};
  }
  NetEventWatch watch(engine);
  const auto attempt = attempt_blocked_connection();
  if (!attempt) return {failed_check("attempt", attempt.error(), "run as administrator")};
  Checks checks{check_attempt(*attempt)};
  auto found = wait_for_block(**subscription, attempt->port, kAttemptLimit);
  const double read_ms = ms_since(attempt->made);
  checks.push_back(watch.told_of(attempt->port));
  if (!found) {
    checks.push_back(failed_check("written", log_failure("read the Security log", found.error())));
  } else if (!*found) {
    checks.push_back({"written", Verdict::kFailed,
                      "no event of it came within " + std::to_string(kAttemptLimit.count()) + " s",
                      "are blocked connections audited? see policy"});
  } else {
    list = std::move(**found);
    const Event& event = list.events.front();
    checks.push_back({"written",
                      Verdict::kOk,
                      "record " + std::to_string(event.record_id.value_or(0)) +
                          (event.filter_id == attempt->filter_id ? " names the filter"
                                                                 : " names another filter"),
                      {},
                      static_cast<double>(event.time.ticks - attempt->made.ticks) / 10'000});
    checks.push_back({"read", Verdict::kOk, "since the attempt", {}, read_ms});
  }
  return checks;
}

void append(Checks& checks, Checks more) {
  checks.insert(checks.end(), std::make_move_iterator(more.begin()),
                std::make_move_iterator(more.end()));
}

}  // namespace

int run_self_test(const SelfTestConfig& config) {
  spdlog::set_default_logger(spdlog::stderr_color_mt("blockwatchd"));
  const HostFacts facts = host_facts();
  Checks checks{check_rights(facts, os_user())};
  std::string db_path;
  checks.push_back(check_data(config.db_path, db_path));

  const auto policy = open_audit_policy(config.policy_path, db_path);
  checks.push_back(check_policy(policy->read(), policy->kind(), policy->conflict({})));

  auto log = open_event_log();
  auto engine = open_net_events();
  EventList list = sample_block();
  if (log) {
    checks.push_back(check_log_size(policy->security_log()));
    check_log(**log, facts, checks);
  } else {
    checks.push_back(
        {"channel",
         log.error().code == ErrorCode::kUnsupported ? Verdict::kUnknown : Verdict::kFailed,
         log.error().message});
  }
  if (engine) {
    EngineResult<bool> collecting = false;
    std::vector<NetEvent> held;
    if (auto session = (*engine)->open([](NetEvent&&) {})) {
      collecting = (*session)->collecting();
      held = (*session)->held().value_or(std::vector<NetEvent>{});
    } else {
      collecting = tl::make_unexpected(session.error());
    }
    checks.push_back(check_net_events(collecting, held));
  }
  if (open_nflog()) {
    checks.push_back(check_senders(open_drop_watch().map([](const auto&) {})));
  }
  if (config.attempt) {
    if (log) {
      append(checks, follow_attempt(**log, engine ? engine->get() : nullptr, list));
    } else {
      const auto attempt = attempt_blocked_connection();
      checks.push_back({"attempt", Verdict::kUnknown,
                        attempt ? "there is no log to follow it in" : attempt.error().message});
    }
  }
  append(checks, check_round_trip(list));

  if (config.json) {
    std::cout << report_json(checks, BLOCKWATCH_VERSION, facts.system) << '\n';
  } else {
    std::cout << report_text(checks);
  }
  return any_failed(checks) ? kExitFailure : kExitSuccess;
}

}  // namespace blockwatch
