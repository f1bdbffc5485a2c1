#pragma once
// Runs a source on a FakeEventLog in the test's own thread, and keeps what it hands over.

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "monitor/eventlog_source.h"
#include "tests/monitor/fake_eventlog.h"

namespace blockwatch {

class EventLogReader {
 public:
  explicit EventLogReader(FakeEventLog& log, EventLogOptions options = quick()) {
    source_ = make_eventlog_source(log.api(), options);
    log.idle = [this] {
      if (next_step_ < steps_.size()) {
        steps_[next_step_++]();
      } else {
        stop_.request_stop();
      }
    };
  }

  // No waiting: the log is asked again at once.
  static EventLogOptions quick() {
    return {.record = kBlocksAndDrops,
            .look_interval = std::chrono::milliseconds(0),
            .silence = std::chrono::hours(1)};
  }

  // Does one step whenever the source waits; stops it when it waits after the last one.
  Result<void> run(std::vector<std::function<void()>> steps = {}) {
    steps_ = std::move(steps);
    next_step_ = 0;
    stop_ = std::stop_source();
    const auto emit = [this](EventBatch&& batch) {
      for (const Event& e : batch.list.events) ids.push_back(e.record_id.value());
      facts.insert(facts.end(), batch.facts.begin(), batch.facts.end());
      if (!batch.position.empty()) positions[batch.source] = batch.position;
      lost += batch.lost;
      damaged += batch.damaged;
      sources.emplace_back(batch.source);
      return true;
    };
    const auto position_of = [this](const std::string& name) -> Result<std::string> {
      const auto it = positions.find(name);
      return it == positions.end() ? std::string() : it->second;
    };
    return source_->run(position_of, emit, report, stop_.get_token());
  }

  // Without those that end others.
  std::vector<CoverageFact> told(CoverageKind kind) const {
    std::vector<CoverageFact> all;
    for (const auto& f : facts) {
      if (f.kind == kind && !f.ends_open) all.push_back(f);
    }
    return all;
  }

  std::vector<std::uint64_t> ids;
  std::vector<CoverageFact> facts;
  std::vector<std::string> sources;  // of each batch
  std::map<std::string, std::string> positions;
  std::uint64_t lost = 0;
  std::uint64_t damaged = 0;
  SourceReport report;

 private:
  std::unique_ptr<EventSource> source_;
  std::vector<std::function<void()>> steps_;
  std::size_t next_step_ = 0;
  std::stop_source stop_;
};

}  // namespace blockwatch
