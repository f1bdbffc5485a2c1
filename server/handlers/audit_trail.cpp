#include <limits>
#include <utility>

#include "monitor/audit_csv.h"
#include "server/audit_json.h"
#include "server/handlers/audit.h"
#include "server/handlers/handlers.h"
#include "server/param_values.h"

namespace blockwatch::handlers {
namespace {

constexpr std::uint32_t kDefaultLimit = 100;

// One more than is asked for, to know whether there are older ones.
AuditListQuery list_query(const ApiQuery& query) {
  return {query.before, query.limit.value_or(kDefaultLimit) + 1};
}

template <class Record>
bool cut_to_limit(std::vector<Record>& records, const ApiQuery& query) {
  const bool more = records.size() > query.limit.value_or(kDefaultLimit);
  if (more) records.pop_back();
  return more;
}

Result<AuditBackupRecord> backup_of(ApiContext& context, const http::Request& request) {
  constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  const auto id = parse_number(request.path_values.at("id"), kMost);
  return context.audit.trail().backup(static_cast<std::int64_t>(id.value_or(0)));
}

Result<AuditPolicy> policy_of(const AuditBackupRecord& backup) {
  const auto policy = parse_digits(backup.policy);
  if (!policy) return make_error(ErrorCode::kInternal, "a backup of the audit policy is damaged");
  return *policy;
}

}  // namespace

http::Response list_audit_backups(ApiContext& context, const http::Request& request) {
  auto query = read_query(Taker::kAuditList, request);
  if (!query) return std::move(query.error());
  auto backups = context.audit.trail().backups(list_query(*query));
  if (!backups) return error_answer(backups.error());
  const bool more = cut_to_limit(*backups, *query);
  return json_answer(audit_backups_json(*backups, more));
}

http::Response make_audit_backup(ApiContext& context, const http::Request& request) {
  auto query = read_query(Taker::kNone, request);
  if (!query) return std::move(query.error());
  const auto backup = context.audit.back_up(who_of(request.token, {}));
  if (!backup) return audit_error(backup.error());
  http::Response response = json_answer(audit_backup_json(*backup), 201);
  response.set("Location", "/api/v1/audit/backups/" + std::to_string(backup->id));
  return response;
}

http::Response get_audit_backup(ApiContext& context, const http::Request& request) {
  auto query = read_query(Taker::kNone, request);
  if (!query) return std::move(query.error());
  const auto backup = backup_of(context, request);
  if (!backup) return error_answer(backup.error());
  const auto policy = policy_of(*backup);
  if (!policy) return error_answer(policy.error());
  http::Response response;
  response.content_type = "text/csv; charset=utf-8";
  response.set("Content-Disposition",
               "attachment; filename=\"audit-policy-" + std::to_string(backup->id) + ".csv\"");
  response.body = AuditCsv::make("localhost", *policy).bytes();
  return response;
}

http::Response restore_audit_backup(ApiContext& context, const http::Request& request) {
  auto query = read_query(Taker::kAuditChange, request);
  if (!query) return std::move(query.error());
  const auto backup = backup_of(context, request);
  if (!backup) return error_answer(backup.error());
  const auto policy = policy_of(*backup);
  if (!policy) return error_answer(policy.error());
  auto body = read_json_body(request);
  if (!body) return std::move(body.error());
  BodyMembers members(*body);
  AuditRequest wanted;
  wanted.wishes = wishes_of(*policy);
  wanted.restores = backup->id;
  take_revert_after(members, wanted);
  if (auto faults = members.end(); !faults.empty()) return body_fault(std::move(faults));
  return change_audit_policy(context, request, std::move(wanted), query->dry_run);
}

http::Response list_audit_changes(ApiContext& context, const http::Request& request) {
  auto query = read_query(Taker::kAuditList, request);
  if (!query) return std::move(query.error());
  auto changes = context.audit.trail().changes(list_query(*query));
  if (!changes) return error_answer(changes.error());
  const bool more = cut_to_limit(*changes, *query);
  const auto chain = context.audit.check_chain();
  if (!chain) return error_answer(chain.error());
  return json_answer(audit_changes_json(*changes, more, *chain));
}

http::Response list_audit_refusals(ApiContext& context, const http::Request& request) {
  auto query = read_query(Taker::kAuditList, request);
  if (!query) return std::move(query.error());
  auto refusals = context.audit.trail().refusals(list_query(*query));
  if (!refusals) return error_answer(refusals.error());
  const bool more = cut_to_limit(*refusals, *query);
  return json_answer(audit_refusals_json(*refusals, more));
}

void note_audit_refusal(ApiContext& context, const http::Attempt& attempt) {
  AuditRefusal refusal;
  refusal.time = now();
  refusal.operation = std::string(attempt.method) + ' ' + std::string(attempt.path);
  refusal.who = who_of(attempt.token, attempt.identity);
  refusal.client = attempt.peer;
  refusal.peer = attempt.identity.user;
  refusal.token_id = attempt.token.id;
  refusal.status = attempt.status;
  context.audit.note_refusal(std::move(refusal));
}

}  // namespace blockwatch::handlers
