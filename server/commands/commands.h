#pragma once
// What each command of blockwatchd does. Each prints for people (or pipes) and returns the exit
// code.

#include "server/config.h"

namespace blockwatch {

int run_serve(const ServeConfig& config);
int run_import(const ImportConfig& config);
int run_query(const QueryConfig& config);
int run_token(const TokenConfig& config);
int run_audit(const AuditConfig& config);
int run_routes();

// "blockwatchd: MESSAGE" on stderr; the exit code for the error.
int report_error(const Error& error);

}  // namespace blockwatch
