#pragma once
// The options that say where to listen, and what such an address needs.

#include <string>
#include <vector>

#include "server/config.h"

namespace CLI {
class App;
}

namespace blockwatch {

// `listen` is what set_listen() is to be given when all options are known.
void add_listen_options(CLI::App& app, std::vector<std::string>& listen, ServeConfig& config);

// Throws a CLI::ValidationError for what is no address, and for one that others can reach without
// TLS.
void set_listen(const std::vector<std::string>& texts, ServeConfig& config);

}  // namespace blockwatch
