#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <iostream>

#include "server/commands/commands.h"
#include "server/daemon.h"
#include "server/process_limits.h"
#include "server/stop_signal.h"

namespace blockwatch {

int run_serve(const ServeConfig& config) {
  // stdout is for the address, so that scripts can read it.
  spdlog::set_default_logger(spdlog::stderr_color_mt("blockwatchd"));
  raise_open_file_limit();
  keep_freed_memory();
  StopSignal stop_signal;
  auto daemon = Daemon::start(config);
  if (!daemon) return report_error(daemon.error());
  const std::string& url = (*daemon)->url();
  std::cout << "listening on " << url << "\n\nTry:\n"
            << "  curl \"" << url << "/api/v1/events?limit=3\"\n"
            << "  curl \"" << url << "/api/v1/stats/top?by=application_name\"\n"
            << "  curl -N \"" << url << "/api/v1/events/stream?after=0\"\n"
            << "The interface is described at " << url << "/docs\n"
            << std::flush;
  stop_signal.wait();
  spdlog::info("stopping");
  if (!(*daemon)->stop()) {
    spdlog::error("not everything could be stored in time; it is read again at the next start");
    return kExitFailure;
  }
  return kExitSuccess;
}

}  // namespace blockwatch
