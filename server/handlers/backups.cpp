#include <array>
#include <string_view>
#include <utility>

#include "server/handlers/handlers.h"
#include "server/handlers/json_body.h"

namespace blockwatch::handlers {
namespace {

// In the order of BackupState.
constexpr std::array<std::string_view, 3> kBackupStates{"running", "done", "failed"};

Json time_or_null(const std::optional<Timestamp>& time) {
  return time ? Json(format_rfc3339(*time)) : Json(nullptr);
}

Json to_json(const BackupJob& job) {
  return {{"id", job.name},
          {"state", kBackupStates.at(static_cast<std::size_t>(job.state))},
          {"file", "backup-" + job.name + ".db"},
          {"bytes", job.bytes},
          {"total_bytes", job.total_bytes},
          {"audit_trail", job.audit_trail},
          {"started_time", time_or_null(job.started)},
          {"finished_time", time_or_null(job.finished)},
          {"error", job.error.empty() ? Json(nullptr) : Json(job.error)}};
}

}  // namespace

http::Response start_backup(ApiContext& context, const http::Request& request) {
  auto query = read_query(Taker::kNone, request);
  if (!query) return std::move(query.error());
  auto body = read_json_body(request);
  if (!body) return std::move(body.error());
  BodyMembers members(*body);
  constexpr std::string_view kNames = "1 to 64 of a-z, 0-9, '-' and '_'";
  const auto name = members.take_text("name", kNames);
  if (name && !BackupJobs::is_name(*name)) members.fault("name", std::string(kNames));
  if (auto faults = members.end(); !faults.empty()) return body_fault(std::move(faults));
  const auto job = context.backups.start(name.value_or(""));
  if (!job) return error_answer(job.error());
  http::Response response = object_answer(to_json(*job), 202);
  response.set("Location", "/api/v1/backups/" + job->name);
  return response;
}

http::Response list_backups(ApiContext& context, const http::Request& request) {
  auto query = read_query(Taker::kNone, request);
  if (!query) return std::move(query.error());
  Json list = Json::array();
  for (const BackupJob& job : context.backups.list()) list.push_back(to_json(job));
  return object_answer({{"backups", std::move(list)}});
}

http::Response get_backup(ApiContext& context, const http::Request& request) {
  auto query = read_query(Taker::kNone, request);
  if (!query) return std::move(query.error());
  const auto job = context.backups.find(request.path_values.at("id"));
  if (!job) return error_answer({ErrorCode::kNotFound, "There is no backup with this id."});
  return object_answer(to_json(*job));
}

}  // namespace blockwatch::handlers
