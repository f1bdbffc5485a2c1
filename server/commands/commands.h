#pragma once
// What each command of blockwatchd does. Each prints for people (or pipes) and returns the exit
// code.

#include "server/config.h"

namespace blockwatch {

// The whole program; arguments are UTF-8, without the program's name.
int run_program(const std::vector<std::string>& arguments);

int run_serve(const ServeConfig& config);
int run_import(const ImportConfig& config);
int run_query(const QueryConfig& config);
int run_token(const TokenConfig& config);
int run_routes();

// "blockwatchd: MESSAGE" on stderr; the exit code for the error.
int report_error(const Error& error);

}  // namespace blockwatch
