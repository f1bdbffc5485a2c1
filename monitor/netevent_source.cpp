#include "monitor/netevent_source.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "monitor/netevent_position.h"
#include "monitor/netevent_queue.h"
#include "monitor/winlog/reason.h"

namespace blockwatch {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// How long stop may have to wait.
constexpr milliseconds kLongestPause{200};
constexpr std::size_t kBatch = 1'000;

// One run, from reading the position to the end or a failure.
class Listener {
 public:
  Listener(NetEventApi& api, const NetEventOptions& options, NameResolver* names,
           const std::string& name, const PositionFn& position_of, const BatchFn& emit,
           SourceReport& report, std::stop_token stop)
      : api_(api),
        options_(options),
        names_(names),
        name_(name),
        host_(api.host()),
        position_of_(position_of),
        emit_(emit),
        report_(report),
        stop_(std::move(stop)),
        queue_(options.queue) {}

  Result<void> run() {
    const auto stored = position_of_(name_);
    if (!stored) return tl::unexpected(stored.error());
    position_ = parse_netevent_position(*stored).value_or(NetEventPosition{});
    report_.set_state(SourceState::kImporting);
    auto done = listen();
    if (done) (void)check();  // if it has died just now, the position does not say otherwise
    session_.reset();
    take_queue(milliseconds(0));
    if (!done && !stopping()) {
      const Timestamp last = std::max(position_.listened, alive_);
      facts_.push_back({.kind = CoverageKind::kSourceDown,
                        .start = last.ticks != 0 ? last : now(),
                        .detail = done.error().message});
    }
    hand_on();
    return done;
  }

 private:
  bool stopping() const { return refused_ || stop_.stop_requested(); }

  Result<void> listen() {
    const Timestamp opened = now();
    // Before the engine is asked for what it holds, so that nothing falls in between.
    auto session = api_.open([this](NetEvent&& event) { queue_.push(std::move(event)); });
    if (!session) return tl::unexpected(engine_failure("read net events", session.error()));
    session_ = std::move(*session);
    if (auto alive = check(); !alive) return alive;
    if (auto filled = back_fill(opened); !filled) return filled;
    // Whatever was lost meanwhile is a fact of its own.
    facts_.push_back({.kind = CoverageKind::kSourceDown,
                      .start = opened,
                      .end = opened,
                      .missing_records = 0,
                      .ends_open = true});
    hand_on();
    report_.set_state(SourceState::kFollowing);
    auto looked = Clock::now();
    while (!stopping()) {
      take_queue(std::min(kLongestPause, options_.look_interval));
      const auto time = Clock::now();
      if (time - looked < options_.look_interval) continue;
      looked = time;
      if (auto alive = check(); !alive) return alive;
      if (time - handed_on_ >= options_.position_interval) hand_on();
    }
    return {};
  }

  // A session that is dead, or an engine that collects nothing, is silent otherwise.
  Result<void> check() {
    const Timestamp before = now();
    const auto collecting = session_->collecting();
    if (!collecting) return tl::unexpected(engine_failure("read net events", collecting.error()));
    if (!*collecting) {
      return tl::unexpected(engine_failure("read net events", engine_error::kNetEventsDisabled));
    }
    alive_ = before;
    return {};
  }

  // The engine holds about the last hundred events since Windows started. If one of them was read
  // before, none is missing between.
  Result<void> back_fill(Timestamp opened) {
    auto held = session_->held();
    if (!held) return tl::unexpected(engine_failure("read the held net events", held.error()));
    std::erase_if(*held, [](const NetEvent& e) { return !is_drop(e.type); });
    std::ranges::stable_sort(*held, {}, &NetEvent::time);
    NetEventPosition before = position_;
    if (before.newest > opened) before.newest = {};  // the clock was set back
    const auto was_read = [&before](const NetEvent& e) {
      return before.has_read(from_filetime(e.time), fingerprint(e));
    };
    const auto read = std::erase_if(*held, was_read);
    if (before.listened.ticks != 0 && read == 0) {
      const Timestamp first = held->empty() ? opened : from_filetime(held->front().time);
      facts_.push_back({.kind = CoverageKind::kRecordsMissing,
                        .start = before.listened,
                        .end = std::max(before.listened, first),
                        .detail = "nobody listened, and the engine holds no net events from the "
                                  "beginning of that time"});
    }
    for (const NetEvent& event : *held) accept(event);
    return {};
  }

  void take_queue(milliseconds time) {
    const NetEventQueue::Taken taken = queue_.take(time);
    position_.ignored += taken.ignored;
    for (const NetEvent& event : taken.events) {
      // Also among what the engine held.
      const std::uint64_t print = fingerprint(event);
      if (std::ranges::find(position_.read, print) == position_.read.end()) accept(event);
    }
    if (taken.lost > 0) {
      const Timestamp first = from_filetime(taken.first_lost);
      facts_.push_back({.kind = CoverageKind::kRecordsDropped,
                        .start = first,
                        .end = std::max(first, from_filetime(taken.last_lost)),
                        .missing_records = taken.lost,
                        .detail = "net events came faster than they could be stored"});
      lost_ += taken.lost;
    }
    if (!list_.events.empty() || !facts_.empty()) hand_on();
    report_.set_lag_ms(0);
  }

  void accept(const NetEvent& net_event) {
    const Timestamp time = from_filetime(net_event.time);
    position_.add(time, fingerprint(net_event));
    auto event = to_event(net_event, host_, list_.text);
    if (!event) {
      ++damaged_;
      return;
    }
    if (!options_.record.has_event_id(event->event_id)) return;
    if (names_ != nullptr) names_->resolve(*event, list_.text);
    list_.events.push_back(*event);
    report_.set_lag_ms(std::max<std::int64_t>(0, (now().ticks - time.ticks) / 10'000));
    if (list_.events.size() >= kBatch) hand_on();
  }

  // The events, what is known to be missing and the position, to be stored together.
  void hand_on() {
    if (refused_) return;
    position_.listened = std::max(position_.listened, alive_);
    if (names_ != nullptr && !list_.events.empty()) {
      const std::string fault = names_->fault();
      if (!fault.empty()) report_.set_error(fault);
    }
    refused_ = !emit_({.source = name_,
                       .list = std::exchange(list_, EventList{}),
                       .position = to_text(position_),
                       .lost = std::exchange(lost_, 0),
                       .damaged = std::exchange(damaged_, 0),
                       .facts = std::exchange(facts_, {})});
    handed_on_ = Clock::now();
  }

  NetEventApi& api_;
  const NetEventOptions& options_;
  NameResolver* const names_;
  const std::string& name_;
  const std::string host_;
  const PositionFn& position_of_;
  const BatchFn& emit_;
  SourceReport& report_;
  const std::stop_token stop_;

  NetEventQueue queue_;
  std::unique_ptr<NetEventSession> session_;  // ends before the queue it fills
  NetEventPosition position_;                 // behind everything that was handed on or is in list_
  Timestamp alive_;                           // when the engine answered last
  bool refused_ = false;                      // the program is stopping
  Clock::time_point handed_on_;
  EventList list_;  // of the next batch, as these
  std::vector<CoverageFact> facts_;
  std::uint64_t lost_ = 0;
  std::uint64_t damaged_ = 0;
};

class NetEventSource final : public EventSource {
 public:
  NetEventSource(std::unique_ptr<NetEventApi> api, const NetEventOptions& options,
                 std::unique_ptr<NameResolver> names)
      : api_(std::move(api)), options_(options), names_(std::move(names)) {}

  const std::string& name() const override { return name_; }
  bool rereads() const override { return false; }

  Result<void> run(const PositionFn& position_of, const BatchFn& emit, SourceReport& report,
                   std::stop_token stop) override {
    return Listener(*api_, options_, names_.get(), name_, position_of, emit, report,
                    std::move(stop))
        .run();
  }

 private:
  const std::unique_ptr<NetEventApi> api_;
  const NetEventOptions options_;
  const std::unique_ptr<NameResolver> names_;
  const std::string name_{winlog::kNetEventSource};
};

}  // namespace

std::unique_ptr<EventSource> make_netevent_source(std::unique_ptr<NetEventApi> api,
                                                  const NetEventOptions& options,
                                                  std::unique_ptr<NameResolver> names) {
  return std::make_unique<NetEventSource>(std::move(api), options, std::move(names));
}

}  // namespace blockwatch
