#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/handlers/answers.h"
#include "server/handlers/handlers.h"

namespace blockwatch::handlers {
namespace {

using Sample = std::pair<std::string, double>;  // labels with their braces, or empty

// Prometheus text format 0.0.4.
class Metrics {
 public:
  void add(std::string_view name, std::string_view type, std::string_view help,
           const std::vector<Sample>& samples) {
    text_ += "# HELP blockwatch_";
    text_ += name;
    text_ += ' ';
    text_ += help;
    text_ += "\n# TYPE blockwatch_";
    text_ += name;
    text_ += ' ';
    text_ += type;
    text_ += '\n';
    for (const auto& [labels, value] : samples) {
      text_ += "blockwatch_";
      text_ += name;
      text_ += labels;
      text_ += ' ';
      std::array<char, 32> buffer;
      auto [end, error] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
      text_.append(buffer.data(), end);
      text_ += '\n';
    }
  }
  template <class Number>
  void counter(std::string_view name, std::string_view help, Number value) {
    add(name, "counter", help, {{"", static_cast<double>(value)}});
  }
  template <class Number>
  void gauge(std::string_view name, std::string_view help, Number value) {
    add(name, "gauge", help, {{"", static_cast<double>(value)}});
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

// Kinds of sources are few; their names (files, hosts) are not, so they are no labels.
std::string kind_label(std::string_view source) {
  return "{kind=\"" + std::string(source.substr(0, source.find(':'))) + "\"}";
}

struct KindTotals {
  double stored = 0;
  double lost = 0;
  double damaged = 0;
};

void add_sources(Metrics& metrics, const std::vector<SourceRecord>& records,
                 const std::vector<SourceStatus>& running) {
  std::map<std::string, KindTotals> totals;
  for (const SourceRecord& record : records) {
    KindTotals& kind = totals[kind_label(record.name)];
    kind.stored += static_cast<double>(record.stored);
    kind.lost += static_cast<double>(record.lost);
    kind.damaged += static_cast<double>(record.damaged);
  }
  std::vector<Sample> stored;
  std::vector<Sample> lost;
  std::vector<Sample> damaged;
  for (const auto& [label, kind] : totals) {
    stored.emplace_back(label, kind.stored);
    lost.emplace_back(label, kind.lost);
    damaged.emplace_back(label, kind.damaged);
  }
  metrics.add("source_events_stored_total", "counter", "Events stored, ever.", stored);
  metrics.add("source_records_lost_total", "counter", "Records a source could not deliver, ever.",
              lost);
  metrics.add("source_records_damaged_total", "counter", "Records a source had to skip, ever.",
              damaged);

  std::map<std::string, double> lags;
  std::map<std::string, double> failed;
  for (const SourceStatus& source : running) {
    std::string label = kind_label(source.name);
    failed[label] += source.state == "failed" ? 1 : 0;
    if (!source.lag_ms) continue;
    double& lag = lags[label];
    lag = std::max(lag, static_cast<double>(*source.lag_ms) / 1000);
  }
  metrics.add("source_lag_seconds", "gauge", "Largest lag of the running sources.",
              {lags.begin(), lags.end()});
  metrics.add("sources_failed", "gauge", "Running sources that fail at the moment.",
              {failed.begin(), failed.end()});
}

}  // namespace

http::Response get_metrics(ApiContext& context, const http::Request& request) {
  auto query = read_query(Taker::kNone, request);
  if (!query) return std::move(query.error());
  auto reader = context.readers.borrow();
  if (!reader) return error_answer(reader.error());
  auto store = (*reader)->status();
  if (!store) return error_answer(store.error());
  auto records = (*reader)->sources();
  if (!records) return error_answer(records.error());
  const ServiceStatus service = context.status();

  Metrics metrics;
  metrics.add("build_info", "gauge", "The version, as a label.",
              {{"{version=\"" + service.version + "\"}", 1}});
  metrics.gauge("start_time_seconds", "Start of the program, Unix time.",
                static_cast<double>(service.start_time.ticks) / Timestamp::kTicksPerSecond);
  metrics.counter("events_stored_total", "Events stored since the start.", service.writer.stored);
  metrics.counter("events_duplicate_total", "Events that were in the store already.",
                  service.writer.duplicate);
  metrics.counter("commit_failures_total", "Commits that failed and were tried again.",
                  service.writer.failures);
  metrics.gauge("queued_events", "Events waiting to be stored.", service.writer.queued_events);
  metrics.gauge("writer_stalled_seconds", "How long the oldest failing batch has waited.",
                static_cast<double>(service.writer.stalled_ms) / 1000);
  metrics.gauge("store_rows", "Events in the store.", store->rows);
  metrics.gauge("store_bytes", "Size of the database and its write-ahead log.", store->file_bytes);
  metrics.gauge("store_newest_seq", "Newest seq of the store.", store->newest_seq);
  metrics.counter("http_requests_total", "Requests answered since the start.", service.requests);
  metrics.gauge("http_connections", "Open connections.", service.connections);
  metrics.gauge("http_streams", "Open streams.", service.streams);
  std::vector<Sample> checks;
  for (const HealthCheck& check : context.health()) {
    checks.emplace_back("{check=\"" + check.name + "\"}", check.ok ? 1 : 0);
  }
  metrics.add("health_check_ok", "gauge", "1 when the check of /health/ready is ok.", checks);
  add_sources(metrics, *records, context.sources());

  http::Response response;
  response.content_type = "text/plain; version=0.0.4; charset=utf-8";
  response.body = metrics.take();
  return response;
}

}  // namespace blockwatch::handlers
