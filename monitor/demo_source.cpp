// demo:FILE - a recorded log as if it happened at present.

#include <chrono>
#include <vector>

#include "monitor/event_file.h"
#include "monitor/sources.h"
#include "monitor/wait.h"

namespace blockwatch {
namespace {

constexpr std::chrono::milliseconds kPause{400};

class DemoSource final : public EventSource {
 public:
  DemoSource(std::string path, ActionSet record) : path_(std::move(path)), record_(record) {}

  const std::string& name() const override { return name_; }
  bool rereads() const override { return false; }

  Result<void> run(const PositionFn&, const BatchFn& emit, SourceReport& report,
                   std::stop_token stop) override {
    std::vector<EventList> lists;
    auto file = EventFile::open(path_);
    if (!file) return tl::unexpected(file.error());
    ReadOptions options;
    options.record = record_;
    options.stop = stop;
    FileReport file_report;
    const auto keep = [&](EventList&& list) {
      lists.push_back(std::move(list));
      return true;
    };
    if (auto read = file->read(options, keep, file_report); !read) {
      return tl::unexpected(read.error());
    }
    if (file_report.wanted == 0) {
      return make_error(ErrorCode::kInvalidArgument,
                        "the log holds no event that the recorded actions ask for");
    }
    report.set_state(SourceState::kFollowing);
    while (!stop.stop_requested()) {
      for (const EventList& list : lists) {
        for (const Event& event : list.events) {
          if (!emit(present(event)) || !wait_for(stop, kPause)) return {};
        }
      }
    }
    return {};
  }

 private:
  // The time makes it another event each round; everything else is as recorded.
  EventBatch present(const Event& recorded) const {
    EventBatch batch{.source = name_};
    Event event = recorded;
    event.time = now();
    event.source = name_;
    batch.list.events.push_back(copy_event(event, batch.list.text));
    return batch;
  }

  const std::string name_ = "demo";
  const std::string path_;
  const ActionSet record_;
};

}  // namespace

std::unique_ptr<EventSource> make_demo_source(std::string path, ActionSet record) {
  return std::make_unique<DemoSource>(std::move(path), record);
}

}  // namespace blockwatch
