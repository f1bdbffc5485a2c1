#include "server/audit_refusals.h"

#include <spdlog/spdlog.h>

#include <utility>

namespace blockwatch {
namespace {

using Clock = std::chrono::steady_clock;

// Each costs a write to the disk.
constexpr unsigned kMostPerMinute = 30;
constexpr std::chrono::minutes kMinute{1};

}  // namespace

void AuditRefusals::note(AuditRefusal refusal) {
  const std::lock_guard lock(mutex_);
  const auto current = Clock::now();
  if (current - since_ >= kMinute) {
    since_ = current;
    written_ = 0;
  }
  if (written_ >= kMostPerMinute) {
    ++counted_;
    return;
  }
  ++written_;
  refusal.counted = counted_;
  if (const auto done = store_.add_refusal(refusal); !done) {
    ++counted_;
    spdlog::error("audit policy: {}", done.error().message);
    return;
  }
  counted_ = 0;
}

void AuditRefusals::tell_counted() {
  {
    const std::lock_guard lock(mutex_);
    if (counted_ == 0 || Clock::now() - since_ < kMinute) return;
  }
  AuditRefusal rest;
  rest.time = now();
  note(std::move(rest));
}

}  // namespace blockwatch
