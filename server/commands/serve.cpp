#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <iostream>

#include "server/commands/commands.h"
#include "server/daemon.h"
#include "server/process_limits.h"
#include "server/stop_signal.h"

namespace blockwatch {

Result<int> serve_until(const ServeConfig& config,
                        const std::function<void(const Daemon&)>& started,
                        const std::function<void()>& wait_for_stop) {
  raise_open_file_limit();
  keep_freed_memory();
  auto daemon = Daemon::start(config);
  if (!daemon) return tl::unexpected(daemon.error());
  started(**daemon);
  wait_for_stop();
  spdlog::info("stopping");
  if ((*daemon)->stop()) return kExitSuccess;
  spdlog::error("not everything could be stored in time; it is read again at the next start");
  return kExitFailure;
}

namespace {

void print_addresses(const Daemon& daemon) {
  for (const std::string& url : daemon.urls()) std::cout << "listening on " << url << '\n';
  std::string url = daemon.urls().front();
  std::string curl = "curl ";
  if (url.starts_with("unix:")) {
    curl += "--unix-socket " + url.substr(5) + ' ';
    url = "http://localhost";
  }
  if (!daemon.fingerprint().empty()) {
    std::cout << "certificate " << daemon.certificate_path() << "\nSHA-256 " << daemon.fingerprint()
              << '\n';
    if (url.starts_with("https:")) curl += "--cacert " + daemon.certificate_path() + ' ';
  }
  std::cout << "\nTry:\n  " << curl << '"' << url << "/api/v1/events?limit=3\"\n  " << curl << '"'
            << url << "/api/v1/stats/top?by=application_name\"\n  " << curl << "-N \"" << url
            << "/api/v1/events/stream?after=0\"\nThe interface is described at " << url << "/docs\n"
            << std::flush;
}

}  // namespace

int run_serve(const ServeConfig& config) {
  // stdout is for the address, so that scripts can read it.
  spdlog::set_default_logger(spdlog::stderr_color_mt("blockwatchd"));
  StopSignal stop_signal;
  const auto code = serve_until(config, print_addresses, [&] { stop_signal.wait(); });
  return code ? *code : report_error(code.error());
}

}  // namespace blockwatch
