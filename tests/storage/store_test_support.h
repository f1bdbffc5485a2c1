#pragma once
// Small events for tests of the store.

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "storage/event_store.h"

namespace blockwatch {

// The value, or an exception that ends the test with the error's message.
template <class T>
T value_of(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message);
  return std::move(*result);
}

inline void value_of(const Result<void>& result) {
  if (!result) throw std::runtime_error(result.error().message);
}

inline constexpr Timestamp kSampleTime{15'500'000'000'000'000};

inline Event sample_event(std::uint64_t record_id, std::int64_t ticks_later = 0) {
  Event e;
  e.time.ticks = kSampleTime.ticks + ticks_later;
  e.source = "evtx:a";
  e.host = "PC01";
  e.channel = "Security";
  e.record_id = record_id;
  e.event_id = 5157;
  e.direction = Direction::kOutbound;
  e.protocol = 6;
  e.remote_address = IpAddress::v4(0x0a000001U);
  e.remote_port = 443;
  e.application = "C:\\app.exe";
  e.reason = Reason::kRule;
  return e;
}

inline EventBatch batch_of(std::vector<Event> events, std::string position = {}) {
  EventBatch batch;
  batch.source = "evtx:a";
  batch.list.events = std::move(events);
  batch.position = std::move(position);
  return batch;
}

// Records first..last, one second apart.
inline EventBatch records(std::uint64_t first, std::uint64_t last, std::string position = {}) {
  std::vector<Event> events;
  for (std::uint64_t id = first; id <= last; ++id) {
    events.push_back(sample_event(id, static_cast<std::int64_t>(id) * Timestamp::kTicksPerSecond));
  }
  return batch_of(std::move(events), std::move(position));
}

}  // namespace blockwatch
