#include <atomic>
#include <chrono>
#include <csignal>
#include <thread>

#include "server/stop_signal.h"

namespace blockwatch {
namespace {

std::atomic<bool> stop_requested{false};

extern "C" void on_signal(int signal) {
  // The C runtime resets the handler, so that a second signal ends the program.
  (void)signal;
  stop_requested.store(true);
}

}  // namespace

StopSignal::StopSignal() {
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);
#ifdef SIGBREAK
  std::signal(SIGBREAK, on_signal);
#endif
}

void StopSignal::wait() {
  // The C runtime offers nothing to block on; std::atomic::wait is no choice in a signal handler.
  while (!stop_requested.load()) std::this_thread::sleep_for(std::chrono::milliseconds(50));
}

}  // namespace blockwatch
