#pragma once
// Runs the sources: one thread each, started again after a failure.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "monitor/event_source.h"

namespace blockwatch {

// All functions from the owner's thread; status() from any.
class Monitor {
 public:
  // Told on the source's thread: for the log. `state` as in SourceReport.
  using LogFn = std::function<void(const std::string& source, const std::string& message)>;

  Monitor(PositionFn position_of, BatchFn emit, LogFn log);
  ~Monitor();  // as stop()
  Monitor(const Monitor&) = delete;
  Monitor& operator=(const Monitor&) = delete;

  // Starts a thread for it.
  void add(std::unique_ptr<EventSource> source);

  // Has the sources that can deliver everything again from where the store now says. Any thread.
  void repeat();

  // Asks every source to end and waits for them. Idempotent.
  void stop();

  struct SourceStatus {
    std::string name;
    SourceReport::Snapshot report;
    bool rereads = true;
  };
  std::vector<SourceStatus> status() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace blockwatch
