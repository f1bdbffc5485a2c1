#include "server/audit_json.h"

#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

namespace blockwatch {
namespace {

using Json = nlohmann::ordered_json;

// In the orders of AuditCause, AuditState, AuditRevert.
constexpr std::array<std::string_view, 4> kCauses{"set", "restore", "revert", "outside"};
constexpr std::array<std::string_view, 4> kStates{"started", "done", "failed", "reverted"};
// In the order of WhenFull.
constexpr std::array<std::string_view, 3> kWhenFull{"overwrite", "archive", "stop"};
constexpr std::array<std::string_view, 4> kReverts{"", "pending", "done", "kept"};

Json id_or_null(const std::optional<std::int64_t>& id) {
  return id ? Json(std::to_string(*id)) : Json(nullptr);
}

Json text_or_null(std::string_view text) { return text.empty() ? Json(nullptr) : Json(text); }

Json time_or_null(const std::optional<Timestamp>& time) {
  return time && is_plausible(*time) ? Json(format_rfc3339(*time)) : Json(nullptr);
}

Json to_json(std::uint8_t bits) {
  return {{"success", (bits & 1U) != 0}, {"failure", (bits & 2U) != 0}};
}

Json to_json(AuditId id, AuditFlags flags) {
  const AuditSubcategory& row = audit_subcategory(id);
  return {{"guid", audit_guid(id)},   {"slug", audit_slug(id)},   {"name", row.name},
          {"category", row.category}, {"success", flags.success}, {"failure", flags.failure}};
}

Json to_json(const AuditSettingRecord& setting) {
  return {{"guid", audit_guid(setting.subcategory)},
          {"slug", audit_slug(setting.subcategory)},
          {"before", to_json(setting.before)},
          {"after", to_json(setting.after)},
          {"revert", text_or_null(kReverts.at(static_cast<std::size_t>(setting.revert)))}};
}

Json to_json(const AuditChangeRecord& change) {
  Json settings = Json::array();
  for (const AuditSettingRecord& setting : change.settings) settings.push_back(to_json(setting));
  const bool planned = change.id == 0;
  return {{"id", planned ? Json(nullptr) : Json(std::to_string(change.id))},
          {"time", format_rfc3339(change.time)},
          {"who", change.who},
          {"client", text_or_null(change.client)},
          {"peer", text_or_null(change.peer)},
          {"token_id", text_or_null(change.token_id)},
          {"cause", kCauses.at(static_cast<std::size_t>(change.cause))},
          {"state", planned ? "planned" : kStates.at(static_cast<std::size_t>(change.state))},
          {"settings", std::move(settings)},
          {"backup_id", id_or_null(change.backup)},
          {"restores", id_or_null(change.restores)},
          {"reverts", id_or_null(change.reverts)},
          {"revert_time", time_or_null(change.revert_time)},
          {"error", text_or_null(change.error)},
          {"forecast", nullptr}};
}

Json number_or_null(const std::optional<double>& number) {
  return number ? Json(std::round(*number * 10) / 10) : Json(nullptr);
}

Json to_json(const SecurityLog& log) {
  return {{"bytes", log.bytes},
          {"max_bytes", log.max_bytes},
          {"when_full", kWhenFull.at(static_cast<std::size_t>(log.when_full))},
          {"bytes_per_hour", number_or_null(log.bytes_per_hour)},
          {"hours_until_overwrite", number_or_null(hours_until_overwrite(log))}};
}

Json to_json(const LogForecast& forecast) {
  return {{"hours_before", number_or_null(forecast.before)},
          {"hours_after_at_least", number_or_null(forecast.after_at_least)},
          {"hours_after_at_most", number_or_null(forecast.after_at_most)},
          {"basis", forecast.basis}};
}

Json to_json(const AuditBackupRecord& backup) {
  return {{"id", std::to_string(backup.id)},
          {"time", format_rfc3339(backup.time)},
          {"who", backup.who}};
}

Json to_json(const AuditRefusal& refusal) {
  return {{"id", std::to_string(refusal.id)},
          {"time", format_rfc3339(refusal.time)},
          {"operation", text_or_null(refusal.operation)},
          {"who", text_or_null(refusal.who)},
          {"client", text_or_null(refusal.client)},
          {"peer", text_or_null(refusal.peer)},
          {"token_id", text_or_null(refusal.token_id)},
          {"status", refusal.status == 0 ? Json(nullptr) : Json(refusal.status)},
          {"counted", refusal.counted}};
}

Json to_json(const AuditChainReport& chain) {
  return {{"intact", chain.fault.empty()},  {"fault", text_or_null(chain.fault)},
          {"entries", chain.entries},       {"refusals", chain.refusals},
          {"first_hash", chain.first_hash}, {"last_hash", chain.last_hash}};
}

// Names of users and tokens may hold bytes that are not UTF-8.
std::string text_of(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

template <class Record>
Json list_of(const char* name, const std::vector<Record>& records, bool more) {
  Json list = Json::array();
  for (const Record& record : records) list.push_back(to_json(record));
  return {{name, std::move(list)},
          {"next", more ? Json(std::to_string(records.back().id)) : Json(nullptr)}};
}

}  // namespace

std::string audit_policy_json(const AuditView& view, std::string_view source,
                              std::span<const AuditId> ids) {
  Json list = Json::array();
  for (const AuditId id : ids)
    list.push_back(to_json(id, view.policy.at(id).value_or(AuditFlags{})));
  return text_of(
      {{"source", source},
       {"subcategories", std::move(list)},
       {"conflict", text_or_null(view.conflict.value_or(""))},
       {"security_log", view.security_log ? to_json(*view.security_log) : Json(nullptr)}});
}

std::string audit_subcategory_json(AuditId id, AuditFlags flags) {
  return text_of(to_json(id, flags));
}

std::string audit_change_json(const AuditChangeRecord& change,
                              const std::optional<LogForecast>& forecast) {
  Json object = to_json(change);
  if (forecast) object["forecast"] = to_json(*forecast);
  return text_of(object);
}

std::string audit_backup_json(const AuditBackupRecord& backup) { return text_of(to_json(backup)); }

std::string audit_changes_json(const std::vector<AuditChangeRecord>& changes, bool more,
                               const AuditChainReport& chain) {
  Json answer = list_of("changes", changes, more);
  answer["chain"] = to_json(chain);
  return text_of(answer);
}

std::string audit_refusals_json(const std::vector<AuditRefusal>& refusals, bool more) {
  return text_of(list_of("refusals", refusals, more));
}

std::string audit_backups_json(const std::vector<AuditBackupRecord>& backups, bool more) {
  return text_of(list_of("backups", backups, more));
}

std::vector<AuditId> shown_subcategories(const AuditPolicy& policy, bool all) {
  std::vector<AuditId> ids;
  for (const AuditSubcategory& row : audit_subcategories()) {
    const bool filtering = row.name.starts_with("Filtering Platform");
    if (policy.at(row.id) && (all || filtering)) ids.push_back(row.id);
  }
  return ids;
}

}  // namespace blockwatch
