#include "server/service_life.h"

#include <utility>

namespace blockwatch {
namespace {

// The system gives up on a service that misses its hint: room for a machine under load.
constexpr int kPulsesPerHint = 10;

bool is_pending(ServiceState state) {
  return state == ServiceState::kStartPending || state == ServiceState::kStopPending;
}

}  // namespace

ServiceLife::ServiceLife(ReportFn report, std::chrono::milliseconds pulse)
    : report_(std::move(report)), pulse_(pulse) {
  std::lock_guard lock(mutex_);
  enter(ServiceState::kStartPending);
  pulses_ = std::jthread([this](std::stop_token stop) {
    std::unique_lock pulse_lock(mutex_);
    while (!stop.stop_requested()) {
      changed_.wait_for(pulse_lock, stop, pulse_, [] { return false; });
      if (stop.stop_requested() || !is_pending(current_.state)) continue;
      ++current_.check_point;
      report_(current_);
    }
  });
}

void ServiceLife::started() {
  std::lock_guard lock(mutex_);
  if (!stopping_) enter(ServiceState::kRunning);
}

void ServiceLife::request_stop() {
  std::lock_guard lock(mutex_);
  if (std::exchange(stopping_, true)) return;
  enter(ServiceState::kStopPending);
  changed_.notify_all();
}

void ServiceLife::wait_for_stop() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return stopping_; });
}

void ServiceLife::ended(int exit_code) {
  pulses_.request_stop();
  std::lock_guard lock(mutex_);
  stopping_ = true;
  current_.exit_code = exit_code;
  enter(ServiceState::kStopped);
}

void ServiceLife::enter(ServiceState state) {
  const bool pending = is_pending(state);
  current_.state = state;
  current_.accepts_stop = state == ServiceState::kRunning;
  current_.check_point = pending ? 1 : 0;
  current_.wait_hint = pending ? pulse_ * kPulsesPerHint : std::chrono::milliseconds(0);
  report_(current_);
}

}  // namespace blockwatch
