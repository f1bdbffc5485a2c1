#pragma once
// What Windows' service manager is told while the service runs.

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>

namespace blockwatch {

// Windows' own numbers.
enum class ServiceState : std::uint32_t {
  kStopped = 1,
  kStartPending = 2,
  kStopPending = 3,
  kRunning = 4,
};

struct ServiceReport {
  ServiceState state = ServiceState::kStopped;
  bool accepts_stop = false;
  std::uint32_t check_point = 0;           // rises while a start or stop goes on
  std::chrono::milliseconds wait_hint{0};  // the next check point comes within
  int exit_code = 0;                       // of a stopped service
};

// Reports kStartPending when it is made and repeats what is pending once in `pulse`, so that a long
// start or stop is not taken for a hang. Any thread; reports come one at a time.
class ServiceLife {
 public:
  using ReportFn = std::function<void(const ServiceReport&)>;

  explicit ServiceLife(ReportFn report, std::chrono::milliseconds pulse = std::chrono::seconds(1));
  ServiceLife(const ServiceLife&) = delete;
  ServiceLife& operator=(const ServiceLife&) = delete;

  void started();
  void request_stop();  // by the service manager; a second one changes nothing
  void wait_for_stop();

  // The last report: the system may end the process from now on.
  void ended(int exit_code);

 private:
  void enter(ServiceState state);  // with mutex_ held

  const ReportFn report_;
  const std::chrono::milliseconds pulse_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  ServiceReport current_;  // guarded by mutex_
  bool stopping_ = false;  // guarded by mutex_
  std::jthread pulses_;    // last: it uses the others
};

}  // namespace blockwatch
