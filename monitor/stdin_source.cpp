// stdin:jsonl and stdin:xml - events from a pipe.

#include "monitor/event_file.h"
#include "monitor/sources.h"
#include "monitor/standard_input.h"

namespace blockwatch {
namespace {

class StdinSource final : public EventSource {
 public:
  StdinSource(std::string name, ActionSet record) : name_(std::move(name)), record_(record) {}

  const std::string& name() const override { return name_; }

  Result<void> run(const PositionFn&, const BatchFn& emit, SourceReport& report,
                   std::stop_token stop) override {
    auto file = EventFile::open_stream(standard_input(stop), "stdin");
    if (stop.stop_requested()) return {};
    if (!file) return tl::unexpected(file.error());
    report.set_state(SourceState::kFollowing);
    ReadOptions options;
    options.record = record_;
    options.live = true;
    options.stop = stop;
    FileReport file_report;
    std::uint64_t damage_told = 0;
    const auto hand_on = [&](EventList&& list) {
      const std::uint64_t damaged =
          file_report.damaged - std::exchange(damage_told, file_report.damaged);
      return emit(EventBatch{.source = name_, .list = std::move(list), .damaged = damaged});
    };
    const auto done = file->read(options, hand_on, file_report);
    hand_on(EventList{});
    if (!done && !stop.stop_requested()) return tl::unexpected(done.error());
    return {};
  }

 private:
  const std::string name_;
  const ActionSet record_;
};

}  // namespace

std::unique_ptr<EventSource> make_stdin_source(std::string kind, ActionSet record) {
  return std::make_unique<StdinSource>(std::move(kind) + ":stdin", record);
}

}  // namespace blockwatch
