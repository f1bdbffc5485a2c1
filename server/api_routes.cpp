#include "server/api_routes.h"

#include "server/handlers/handlers.h"

namespace blockwatch {

std::vector<Route> make_routes(ApiContext& context) {
  using namespace handlers;
  using enum Permission;
  auto with = [&context](http::Response (*handle)(ApiContext&, const http::Request&)) {
    return [&context, handle](const http::Request& request) { return handle(context, request); };
  };
  const BodyRule no_body;
  const BodyRule event_file{kMaxImportBytes, {}, {"gzip"}};  // the format is told from the bytes
  const BodyRule json{kMaxJsonBytes, {"application/json"}, {}};
  const BodyRule settings{kMaxJsonBytes, {"application/merge-patch+json", "application/json"}, {}};
  constexpr bool kStreams = true;

  // clang-format off
  std::vector<Route> routes{
      {"GET",  "/api/v1/events",                "list_events",      kRead,    with(list_events)},
      {"GET",  "/api/v1/events/{id}",           "get_event",        kRead,    with(get_event)},
      {"GET",  "/api/v1/events/stream",         "stream_events",    kRead,    with(stream_events), no_body, kStreams},
      {"GET",  "/api/v1/stats/top",             "top_values",       kRead,    with(top_values)},
      {"GET",  "/api/v1/stats/timeline",        "timeline",         kRead,    with(timeline)},
      {"GET",  "/api/v1/fields/{field}/values", "field_values",     kRead,    with(field_values)},
      {"GET",  "/api/v1/sources",               "list_sources",     kRead,    with(list_sources)},
      {"GET",  "/api/v1/coverage",              "coverage",         kRead,    with(coverage)},
      {"POST", "/api/v1/imports",               "start_import",     kImport,  with(start_import), event_file},
      {"GET",  "/api/v1/imports/{id}",          "get_import",       kRead,    with(get_import)},
      {"GET",  "/api/v1/audit/policy",          "get_audit_policy",   kRead,  with(get_audit_policy)},
      {"PUT",  "/api/v1/audit/policy",          "set_audit_policy",   kAudit, with(set_audit_policy), json},
      {"GET",  "/api/v1/audit/policy/{subcategory}",   "get_audit_subcategory", kRead,  with(get_audit_subcategory)},
      {"PATCH", "/api/v1/audit/policy/{subcategory}",  "set_audit_subcategory", kAudit, with(set_audit_subcategory), json},
      {"GET",  "/api/v1/audit/backups",         "list_audit_backups", kRead,  with(list_audit_backups)},
      {"POST", "/api/v1/audit/backups",         "make_audit_backup",  kAudit, with(make_audit_backup)},
      {"GET",  "/api/v1/audit/backups/{id}",    "get_audit_backup",   kRead,  with(get_audit_backup)},
      {"POST", "/api/v1/audit/backups/{id}/restore", "restore_audit_backup", kAudit, with(restore_audit_backup), json},
      {"GET",  "/api/v1/audit/changes",         "list_audit_changes", kRead,  with(list_audit_changes)},
      {"GET",  "/api/v1/backups",               "list_backups",     kRead,    with(list_backups)},
      {"POST", "/api/v1/backups",               "start_backup",     kAdmin,   with(start_backup), json},
      {"GET",  "/api/v1/backups/{id}",          "get_backup",       kRead,    with(get_backup)},
      {"GET",  "/api/v1/settings",              "get_settings",     kRead,    with(get_settings)},
      {"PATCH", "/api/v1/settings",             "change_settings",  kAdmin,   with(change_settings), settings},
      {"GET",  "/api/v1/audit/refusals",        "list_audit_refusals", kRead, with(list_audit_refusals)},
      {"POST", "/api/v1/session-codes",         "make_session_code", kRead,   with(make_session_code)},
      {"POST", "/api/v1/session",               "open_session",     kNothing, with(open_session), json},
      {"POST", "/api/v1/stream-tickets",        "make_stream_ticket", kRead,  with(make_stream_ticket)},
      {"GET",  "/api/v1/status",                "get_status",       kRead,    with(get_status)},
      {"GET",  "/health/live",                  "health_live",      kNothing, with(health_live)},
      {"GET",  "/health/ready",                 "health_ready",     kNothing, with(health_ready)},
      {"GET",  "/metrics",                      "get_metrics",      kRead,    with(get_metrics)},
      {"GET",  "/openapi.yaml",                 "get_openapi_yaml", kNothing, with(get_file)},
      {"GET",  "/openapi.json",                 "get_openapi_json", kNothing, with(get_file)},
      {"GET",  "/docs",                         "get_docs",         kNothing, with(get_file)},
      {"GET",  "/docs/{file}",                  "get_docs_file",    kNothing, with(get_file)},
      {"GET",  "/",                             "get_root",         kNothing, with(get_root)},
  };
  // clang-format on
  for (Route& route : routes) {
    if (route.permission != kAudit) continue;
    route.refused = [&context](const http::Attempt& attempt) {
      note_audit_refusal(context, attempt);
    };
  }
  return routes;
}

}  // namespace blockwatch
