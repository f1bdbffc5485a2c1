#include <windows.h>

#include <atomic>

#include "server/stop_signal.h"

namespace blockwatch {
namespace {

std::atomic<bool> stop_requested{false};

// Kept for ever: a handler may run until the process has ended.
HANDLE stop_event() {
  static const HANDLE kEvent = ::CreateEventW(nullptr, TRUE, FALSE, nullptr);
  return kEvent;
}

// The system starts a thread for it.
BOOL WINAPI on_control(DWORD control) {
  const bool again = stop_requested.exchange(true);
  ::SetEvent(stop_event());
  // The default handler ends the program at once.
  if (control == CTRL_C_EVENT || control == CTRL_BREAK_EVENT) return again ? FALSE : TRUE;
  // The window is closed or the system shuts down: the program is ended when this returns, and
  // after some seconds in any case. Until then main can finish.
  ::Sleep(INFINITE);
  return TRUE;
}

}  // namespace

StopSignal::StopSignal() {
  stop_event();
  ::SetConsoleCtrlHandler(on_control, TRUE);
}

void StopSignal::wait() { ::WaitForSingleObject(stop_event(), INFINITE); }

}  // namespace blockwatch
