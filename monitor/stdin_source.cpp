// stdin:jsonl and stdin:xml - events from a pipe.

#include <utility>

#include "monitor/sources.h"
#include "monitor/standard_input.h"
#include "monitor/winlog/text_reader.h"

namespace blockwatch {
namespace {

class StdinSource final : public EventSource {
 public:
  StdinSource(const std::string& kind, ActionSet record)
      : name_(kind + ":stdin"), is_xml_(kind == "xml"), record_(record) {}

  const std::string& name() const override { return name_; }
  bool rereads() const override { return false; }

  Result<void> run(const PositionFn&, const BatchFn& emit, SourceReport& report,
                   std::stop_token stop) override {
    report.set_state(SourceState::kFollowing);
    ReadOptions options;
    options.source = name_;
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
    const auto read = is_xml_ ? &winlog::read_rendered_xml : &winlog::read_json;
    const auto done = read(standard_input(stop), options, hand_on, file_report);
    if (!done && !stop.stop_requested()) {
      report.set_error(done.error().message);
      // What the reader held cannot be read again.
      if (file_report.bytes > 0) file_report.note(file_report.bytes, done.error().message);
    }
    // Damage behind the last event is counted too, also when a stop ends the reading.
    hand_on(EventList{});
    // An input that has ended brings nothing more: starting again would not help.
    return {};
  }

 private:
  const std::string name_;
  const bool is_xml_;
  const ActionSet record_;
};

}  // namespace

std::unique_ptr<EventSource> make_stdin_source(const std::string& kind, ActionSet record) {
  return std::make_unique<StdinSource>(kind, record);
}

}  // namespace blockwatch
