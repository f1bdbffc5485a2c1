#include "monitor/eventlog_source.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "monitor/eventlog_archives.h"
#include "monitor/eventlog_position.h"
#include "monitor/eventlog_progress.h"
#include "monitor/eventlog_query.h"
#include "monitor/eventlog_record.h"

namespace blockwatch {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// How long stop may have to wait.
constexpr milliseconds kLongestWait{200};
// Subscriptions in a row that gave nothing before the source counts as failed and the monitor waits
// before it tries again. Halving the batch to one takes seven.
constexpr int kMostReopens = 10;
// Signals in a row behind which nothing was.
constexpr int kMostEmptySignals = 3;

// What outlives a failed run.
struct Memory {
  // Events behind this record could not be rendered. The second time they count as damaged.
  std::optional<std::uint64_t> unreadable_after;
};

// One run, from reading the position to the end or a failure.
class Follower {
 public:
  Follower(EventLogApi& api, const EventLogOptions& options, NameResolver* names,
           const std::string& name, Memory& memory, const PositionFn& position_of,
           const BatchFn& emit, SourceReport& report, std::stop_token stop)
      : api_(api),
        options_(options),
        name_(name),
        memory_(memory),
        position_of_(position_of),
        emit_(emit),
        report_(report),
        stop_(std::move(stop)),
        batch_(std::max(options.batch, 1U)) {
    read_options_.source = name;
    read_options_.record = options.record;
    read_options_.names = names;
  }

  Result<void> run() {
    auto stored = position_of_(name_);
    if (!stored) return tl::unexpected(stored.error());
    progress_ = EventLogProgress(parse_eventlog_position(*stored).value_or(EventLogPosition{}));
    report_.set_state(SourceState::kImporting);
    auto done = follow();
    if (!done && !stopping()) {
      emit_({.source = name_,
             .facts = {{.kind = CoverageKind::kSourceDown,
                        .start = progress_.has_looked() ? progress_.position().looked_time : now(),
                        .detail = done.error().message}}});
    }
    return done;
  }

 private:
  bool stopping() const { return refused_ || stop_.stop_requested(); }

  Result<void> follow() {
    if (auto opened = open(); !opened) return opened;
    while (!stopping()) {
      if (auto drained = drain(); !drained) return drained;
      if (archives_due_) read_archives();
      wait_for_signal();
      if (Clock::now() - last_life_ > options_.silence) {
        if (auto checked = check_silence(); !checked) return checked;
      }
    }
    return {};
  }

  void wait_for_signal() {
    const auto until = Clock::now() + options_.look_interval;
    do {
      signalled_ = subscription_->wait(std::min(kLongestWait, options_.look_interval));
    } while (!signalled_ && !stopping() && Clock::now() < until);
  }

  // Subscribes where the position says and finds out what is missing before that.
  Result<void> open() {
    subscription_.reset();
    const auto before = api_.info();
    if (!before) return tl::unexpected(log_failure("look at the Security log", before.error()));
    if (archives_due_) read_archives();
    const std::uint64_t last = progress_.position().record_id;
    // Of another file nothing is known: the record with this number may be another one.
    bool gone = last == 0 || progress_.is_other_file(*before);
    if (!gone) {
      auto subscription = subscribe(last);
      if (subscription) {
        subscription_ = std::move(*subscription);
      } else if (subscription.error() == log_error::kNotFound) {
        gone = true;
      } else {
        return tl::unexpected(log_failure("subscribe to the Security log", subscription.error()));
      }
    }
    if (gone) {
      progress_.lose_record();
      // Not "the nearest record", whose meaning is open, and never "from now on": what is read
      // twice is recognised by the store.
      auto subscription = subscribe(std::nullopt);
      if (!subscription) {
        return tl::unexpected(log_failure("subscribe to the Security log", subscription.error()));
      }
      subscription_ = std::move(*subscription);
    }
    // Asked now, because the log may have been overwritten further before the subscription began.
    const Timestamp opened = now();
    const auto info = api_.info();
    if (!info) return tl::unexpected(log_failure("look at the Security log", info.error()));
    if (gone && progress_.may_have_missed(*info)) read_archives();
    progress_.open(*info, gone, opened);
    last_life_ = Clock::now();
    return {};
  }

  LogResult<std::unique_ptr<LogSubscription>> subscribe(std::optional<std::uint64_t> after) {
    return api_.subscribe({eventlog_query(options_.record), eventlog_paths(), after});
  }

  void read_archives() {
    archives_due_ = false;
    for (const RecordRange& range : blockwatch::read_archives(
             api_.folder(), options_.record, position_of_, emit_, report_, stop_)) {
      progress_.take_archive(range);
    }
  }

  // Takes everything there is.
  Result<void> drain() {
    // Before the first look: a signal that comes meanwhile must not be wiped out.
    subscription_->reset();
    while (!stopping()) {
      const auto taken = subscription_->next(batch_);
      if (taken) {
        if (auto done = take(*taken); !done) return done;
        reopens_ = empty_signals_ = 0;
        signalled_ = false;  // rightly
        last_life_ = Clock::now();
        continue;
      }
      const std::uint32_t code = taken.error();
      switch (code) {
        case log_error::kNoMoreItems:
        case log_error::kTimeout:
        case log_error::kInvalidOperation:
          if (!signalled_) reopens_ = empty_signals_ = 0;
          if (!signalled_ || ++empty_signals_ < kMostEmptySignals) {
            at_end(/*proven=*/code == log_error::kNoMoreItems);
            return {};
          }
          break;
        case log_error::kInvalidBound:
          batch_ = std::max(batch_ / 2, 1U);
          break;
        case log_error::kResultStale:
        case log_error::kInvalidPosition:
          break;
        default:
          return tl::unexpected(log_failure("read the Security log", code));
      }
      empty_signals_ = 0;
      if (++reopens_ > kMostReopens) {
        return tl::unexpected(log_failure("read the Security log", code));
      }
      if (auto opened = open(); !opened) return opened;
    }
    return {};
  }

  Result<void> take(std::uint32_t count) {
    const std::uint64_t before = progress_.position().record_id;
    for (std::uint32_t i = 0; i < count; ++i) {
      const auto values = subscription_->render(i);
      if (!values && memory_.unreadable_after != before) {
        memory_.unreadable_after = before;
        return tl::unexpected(log_failure("render an event", values.error()));
      }
      const auto wrong = values ? record_.read(*values)
                                : "an event that cannot be rendered (Windows error " +
                                      std::to_string(values.error()) + ")";
      if (wrong) {
        file_report_.note(progress_.position().record_id, *wrong);
      } else {
        accept();
      }
    }
    hand_on();
    return {};
  }

  void accept() {
    const std::uint64_t id = record_.record_id();
    progress_.take_record(id, record_.time());
    for (const CoverageKind kind : std::exchange(lasting_, {})) end_open(kind, record_.time());
    if (auto fact = record_.fact()) {
      if (!fact->end) lasting_.push_back(fact->kind);
      facts_.push_back(std::move(*fact));
    }
    const auto event_id = record_.fields().event_id;
    if (event_id == companion::kLogArchived) archives_due_ = true;
    sink_.take(record_.fields(), id);
    report_.set_lag_ms(std::max<std::int64_t>(0, (now().ticks - record_.time().ticks) / 10'000));
  }

  void end_open(CoverageKind kind, Timestamp end,
                std::optional<std::uint64_t> missing = std::nullopt) {
    facts_.push_back(
        {.kind = kind, .start = end, .end = end, .missing_records = missing, .ends_open = true});
  }

  // Everything was taken. `proven`: Windows says so.
  void at_end(bool proven) {
    bool told = progress_.end(proven, now());
    if (!caught_up_) {
      caught_up_ = told = true;
      // Whatever was lost meanwhile is a fact of its own.
      end_open(CoverageKind::kSourceDown, std::max(progress_.position().looked_time, now()), 0);
      report_.set_state(SourceState::kFollowing);
    }
    report_.set_lag_ms(0);
    if (told) hand_on();
  }

  // The events, what is known to be missing and the position, to be stored together.
  void hand_on() {
    sink_.flush();
    std::vector<CoverageFact> facts = progress_.take_facts();
    std::ranges::move(std::exchange(facts_, {}), std::back_inserter(facts));
    if (read_options_.names != nullptr && !list_.events.empty()) {
      const std::string fault = read_options_.names->fault();
      if (!fault.empty()) report_.set_error(fault);
    }
    if (file_report_.damaged > 0) {
      report_.set_error(file_report_.damage.front().what);
      const Timestamp looked = progress_.position().looked_time;
      facts.push_back({.kind = CoverageKind::kRecordsDamaged,
                       .start = looked,
                       .end = looked,
                       .missing_records = file_report_.damaged,
                       .detail = file_report_.damage.front().what});
    }
    refused_ = !emit_({.source = name_,
                       .list = std::exchange(list_, EventList{}),
                       .position = to_text(progress_.position()),
                       .lost = progress_.take_lost(),
                       .damaged = file_report_.damaged,
                       .facts = std::move(facts)});
    file_report_ = FileReport{};
  }

  // A subscription that is silent has nothing to say, or is dead without telling.
  Result<void> check_silence() {
    last_life_ = Clock::now();
    const auto info = api_.info();
    if (!info) return tl::unexpected(log_failure("look at the Security log", info.error()));
    const bool grown =
        info->oldest_record_id + info->records > progress_.position().looked_through + 1;
    return grown ? open() : Result<void>();
  }

  EventLogApi& api_;
  const EventLogOptions& options_;
  const std::string& name_;
  Memory& memory_;
  const PositionFn& position_of_;
  const BatchFn& emit_;
  SourceReport& report_;
  const std::stop_token stop_;

  std::unique_ptr<LogSubscription> subscription_;
  EventLogProgress progress_{EventLogPosition{}};  // of everything handed on or in list_
  // Facts that the next record ends, also those that an earlier run has stored.
  std::vector<CoverageKind> lasting_{CoverageKind::kLogFull, CoverageKind::kLoggingStopped};
  std::uint32_t batch_;
  int reopens_ = 0;
  int empty_signals_ = 0;
  bool signalled_ = false;
  bool archives_due_ = true;
  bool caught_up_ = false;
  bool refused_ = false;  // the program is stopping
  Clock::time_point last_life_;

  EventLogRecord record_;
  ReadOptions read_options_;
  FileReport file_report_;
  std::vector<CoverageFact> facts_;  // of the next batch, as these
  EventList list_;
  // A batch is far below the sink's bounds, so that this is called once, by flush(). Were it called
  // twice, the first part would be stored without a position and not be lost.
  const EmitFn keep_ = [this](EventList&& list) {
    if (!list_.events.empty()) emit_({.source = name_, .list = std::move(list_)});
    list_ = std::move(list);
    return true;
  };
  winlog::RecordSink sink_{read_options_, keep_, file_report_};
};

class EventLogSource final : public EventSource {
 public:
  EventLogSource(std::unique_ptr<EventLogApi> api, const EventLogOptions& options,
                 std::unique_ptr<NameResolver> names)
      : api_(std::move(api)), options_(options), names_(std::move(names)) {}

  const std::string& name() const override { return name_; }

  Result<void> run(const PositionFn& position_of, const BatchFn& emit, SourceReport& report,
                   std::stop_token stop) override {
    return Follower(*api_, options_, names_.get(), name_, memory_, position_of, emit, report,
                    std::move(stop))
        .run();
  }

 private:
  const std::string name_ = "windows:" + std::string(kEventLogChannel);
  const std::unique_ptr<EventLogApi> api_;
  const EventLogOptions options_;
  const std::unique_ptr<NameResolver> names_;
  Memory memory_;
};

}  // namespace

std::unique_ptr<EventSource> make_eventlog_source(std::unique_ptr<EventLogApi> api,
                                                  const EventLogOptions& options,
                                                  std::unique_ptr<NameResolver> names) {
  return std::make_unique<EventLogSource>(std::move(api), options, std::move(names));
}

}  // namespace blockwatch
