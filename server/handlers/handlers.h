#pragma once
// Every handler of the table of routes. A handler reads the request's parameters, asks the store or
// the program, and answers; it keeps nothing between requests and runs on the connection's thread.

#include "server/api_context.h"
#include "server/http.h"

namespace blockwatch::handlers {

// events.cpp
http::Response list_events(ApiContext& context, const http::Request& request);
http::Response get_event(ApiContext& context, const http::Request& request);
// stream.cpp
http::Response stream_events(ApiContext& context, const http::Request& request);
// stats.cpp
http::Response top_values(ApiContext& context, const http::Request& request);
http::Response timeline(ApiContext& context, const http::Request& request);
http::Response field_values(ApiContext& context, const http::Request& request);
// imports.cpp
http::Response start_import(ApiContext& context, const http::Request& request);
http::Response get_import(ApiContext& context, const http::Request& request);
// audit.cpp
http::Response get_audit_policy(ApiContext& context, const http::Request& request);
http::Response set_audit_policy(ApiContext& context, const http::Request& request);
http::Response get_audit_subcategory(ApiContext& context, const http::Request& request);
http::Response set_audit_subcategory(ApiContext& context, const http::Request& request);
// audit_trail.cpp
http::Response list_audit_backups(ApiContext& context, const http::Request& request);
http::Response make_audit_backup(ApiContext& context, const http::Request& request);
http::Response get_audit_backup(ApiContext& context, const http::Request& request);
http::Response restore_audit_backup(ApiContext& context, const http::Request& request);
http::Response list_audit_changes(ApiContext& context, const http::Request& request);
// backups.cpp
http::Response start_backup(ApiContext& context, const http::Request& request);
http::Response list_backups(ApiContext& context, const http::Request& request);
http::Response get_backup(ApiContext& context, const http::Request& request);
// settings.cpp
http::Response get_settings(ApiContext& context, const http::Request& request);
http::Response change_settings(ApiContext& context, const http::Request& request);
http::Response list_audit_refusals(ApiContext& context, const http::Request& request);
void note_audit_refusal(ApiContext& context, const http::Attempt& attempt);
// status.cpp
http::Response list_sources(ApiContext& context, const http::Request& request);
http::Response get_status(ApiContext& context, const http::Request& request);
http::Response health_live(ApiContext& context, const http::Request& request);
http::Response health_ready(ApiContext& context, const http::Request& request);
// coverage.cpp
http::Response coverage(ApiContext& context, const http::Request& request);
// metrics.cpp
http::Response get_metrics(ApiContext& context, const http::Request& request);
// sessions.cpp
http::Response make_session_code(ApiContext& context, const http::Request& request);
http::Response open_session(ApiContext& context, const http::Request& request);
http::Response make_stream_ticket(ApiContext& context, const http::Request& request);
// docs.cpp: the embedded file of the request's path
http::Response get_file(ApiContext& context, const http::Request& request);
http::Response get_root(ApiContext& context, const http::Request& request);

}  // namespace blockwatch::handlers
