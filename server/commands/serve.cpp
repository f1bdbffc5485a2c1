#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <iostream>

#include "server/commands/commands.h"
#include "server/daemon.h"
#include "server/process_limits.h"
#include "server/stop_signal.h"

namespace blockwatch {

Result<int> serve_until(const ServeConfig& config,
                        const std::function<void(const std::string& url)>& started,
                        const std::function<void()>& wait_for_stop) {
  raise_open_file_limit();
  keep_freed_memory();
  auto daemon = Daemon::start(config);
  if (!daemon) return tl::unexpected(daemon.error());
  started((*daemon)->url());
  wait_for_stop();
  spdlog::info("stopping");
  if ((*daemon)->stop()) return kExitSuccess;
  spdlog::error("not everything could be stored in time; it is read again at the next start");
  return kExitFailure;
}

int run_serve(const ServeConfig& config) {
  // stdout is for the address, so that scripts can read it.
  spdlog::set_default_logger(spdlog::stderr_color_mt("blockwatchd"));
  StopSignal stop_signal;
  const auto code = serve_until(
      config,
      [](const std::string& url) {
        std::cout << "listening on " << url << "\n\nTry:\n"
                  << "  curl \"" << url << "/api/v1/events?limit=3\"\n"
                  << "  curl \"" << url << "/api/v1/stats/top?by=application_name\"\n"
                  << "  curl -N \"" << url << "/api/v1/events/stream?after=0\"\n"
                  << "The interface is described at " << url << "/docs\n"
                  << std::flush;
      },
      [&] { stop_signal.wait(); });
  return code ? *code : report_error(code.error());
}

}  // namespace blockwatch
