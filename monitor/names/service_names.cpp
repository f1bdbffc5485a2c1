#include "monitor/names/service_names.h"

#include <limits>

namespace blockwatch {

std::string ServiceNames::at(std::uint64_t process_id, Timestamp time, Clock::time_point now) {
  if (process_id > std::numeric_limits<std::uint32_t>::max()) return {};
  const auto id = static_cast<std::uint32_t>(process_id);
  const auto started = manager_->started(id);
  if (!started || *started > time) return {};
  const auto find = [&] {
    const auto found = processes_.find(id);
    return found != processes_.end() && found->second.started == *started ? &found->second
                                                                          : nullptr;
  };
  const Process* process = find();
  if (!read_at_ || now - *read_at_ >= (process == nullptr ? kMinAge : kMaxAge)) {
    read(now);
    process = find();
  }
  return process == nullptr ? std::string{} : process->services;
}

void ServiceNames::read(Clock::time_point now) {
  read_at_ = now;
  processes_.clear();
  for (const RunningService& service : manager_->services()) {
    const auto started = manager_->started(service.process_id);
    if (!started) continue;
    Process& process = processes_[service.process_id];
    process.started = *started;
    if (!process.services.empty()) process.services += ", ";
    process.services += service.name;
  }
}

}  // namespace blockwatch
