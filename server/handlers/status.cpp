#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "server/handlers/answers.h"
#include "server/handlers/handlers.h"
#include "server/handlers/json.h"

namespace blockwatch::handlers {
namespace {

Json time_or_null(const std::optional<Timestamp>& t) {
  return t ? Json(format_rfc3339(*t)) : Json(nullptr);
}

Json text_or_null(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

Json number_or_null(const auto& number) { return number ? Json(*number) : Json(nullptr); }

double seconds_between(Timestamp from, Timestamp to) {
  return static_cast<double>(std::max<std::int64_t>(0, to.ticks - from.ticks)) /
         static_cast<double>(Timestamp::kTicksPerSecond);
}

}  // namespace

http::Response list_sources(ApiContext& context, const http::Request& request) {
  auto query = read_query(Taker::kNone, request);
  if (!query) return std::move(query.error());
  auto reader = context.readers.borrow();
  if (!reader) return error_answer(reader.error());
  auto records = (*reader)->sources();
  if (!records) return error_answer(records.error());

  // Running ones first, in their own order; then those that only the store remembers.
  std::vector<SourceStatus> all = context.sources();
  std::map<std::string, SourceRecord> stored;
  for (SourceRecord& record : *records) {
    bool runs = std::ranges::any_of(all, [&](const auto& s) { return s.name == record.name; });
    if (!runs) {
      SourceStatus ended;
      ended.name = record.name;
      ended.state = "finished";
      all.push_back(std::move(ended));
    }
    stored.emplace(record.name, std::move(record));
  }
  Json list = Json::array();
  for (const SourceStatus& source : all) {
    const SourceRecord& record = stored[source.name];
    list.push_back({{"name", source.name},
                    {"state", source.state},
                    {"position", text_or_null(record.position)},
                    {"lag_ms", number_or_null(source.lag_ms)},
                    {"rate_per_s", source.rate_per_s},
                    {"stored", record.stored},
                    {"lost", record.lost},
                    {"damaged", record.damaged},
                    {"folded", number_or_null(source.folded)},
                    {"ignored", number_or_null(source.ignored)},
                    {"last_error", text_or_null(source.last_error)},
                    {"last_event_time", time_or_null(record.last_event_time)},
                    {"updated_time", time_or_null(record.updated)}});
  }
  return object_answer({{"sources", std::move(list)}});
}

http::Response get_status(ApiContext& context, const http::Request& request) {
  auto query = read_query(Taker::kNone, request);
  if (!query) return std::move(query.error());
  auto reader = context.readers.borrow();
  if (!reader) return error_answer(reader.error());
  auto store = (*reader)->status();
  if (!store) return error_answer(store.error());
  const ServiceStatus service = context.status();

  Json recorded = Json::array();
  for (Action action : {Action::kBlock, Action::kDrop, Action::kPermit}) {
    if (service.record.has(action)) recorded.push_back(to_word(action));
  }
  return object_answer(
      {{"version", service.version},
       {"start_time", format_rfc3339(service.start_time)},
       {"uptime_s", seconds_between(service.start_time, now())},
       {"store",
        {{"bytes", store->file_bytes},
         {"rows", store->rows},
         {"oldest_time", time_or_null(store->oldest_time)},
         {"newest_time", time_or_null(store->newest_time)},
         {"newest_seq", store->newest_seq},
         {"oldest_seq", store->oldest_seq},
         {"schema_version", store->schema_version},
         {"set_aside", store->set_aside ? Json{{"time", time_or_null(store->set_aside->end)},
                                               {"detail", store->set_aside->detail}}
                                        : Json(nullptr)}}},
       {"writer",
        {{"queued_events", service.writer.queued_events},
         {"stored", service.writer.stored},
         {"duplicate", service.writer.duplicate},
         {"failures", service.writer.failures},
         {"stalled_ms", service.writer.stalled_ms}}},
       {"rates",
        {{"stored_per_s", service.stored_per_s}, {"duplicate_per_s", service.duplicate_per_s}}},
       {"record", std::move(recorded)}});
}

http::Response health_live(ApiContext& /*context*/, const http::Request& request) {
  auto query = read_query(Taker::kNone, request);
  if (!query) return std::move(query.error());
  return object_answer({{"status", "live"}});
}

http::Response health_ready(ApiContext& context, const http::Request& request) {
  auto query = read_query(Taker::kNone, request);
  if (!query) return std::move(query.error());
  bool ready = true;
  Json checks = Json::array();
  for (const HealthCheck& check : context.health()) {
    ready = ready && check.ok;
    checks.push_back({{"name", check.name},
                      {"status", check.ok ? "ok" : "failed"},
                      {"detail", text_or_null(check.detail)},
                      {"since", time_or_null(check.since)}});
  }
  http::Response response = object_answer(
      {{"status", ready ? "ready" : "degraded"}, {"checks", std::move(checks)}}, ready ? 200 : 503);
  if (!ready) response.set("Retry-After", "5");
  return response;
}

}  // namespace blockwatch::handlers
