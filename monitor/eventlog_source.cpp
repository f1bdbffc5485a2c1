#include "monitor/eventlog_source.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "monitor/eventlog_archives.h"
#include "monitor/eventlog_position.h"
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
    position_ = parse_eventlog_position(*stored).value_or(EventLogPosition{});
    report_.set_state(SourceState::kImporting);
    auto done = follow();
    if (!done && !stopping()) {
      emit_({.source = name_,
             .facts = {{.kind = CoverageKind::kSourceDown,
                        .start = has_looked() ? position_.looked_time : now(),
                        .detail = done.error().message}}});
    }
    return done;
  }

 private:
  // Ever: what was in the log before is nobody's loss.
  bool has_looked() const { return position_.looked_time.ticks != 0; }
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
    const bool other_file = position_.created != 0 && before->created != position_.created;
    // Of another file nothing is known: the record with this number may be another one.
    bool gone = position_.record_id == 0 || other_file;
    if (!gone) {
      auto subscription = subscribe(position_.record_id);
      if (subscription) {
        subscription_ = std::move(*subscription);
      } else if (subscription.error() == log_error::kNotFound) {
        gone = true;
      } else {
        return tl::unexpected(log_failure("subscribe to the Security log", subscription.error()));
      }
    }
    if (gone) {
      position_.record_id = 0;  // another record of this number may come
      // Not "the nearest record", whose meaning is open, and never "from now on": what is read
      // twice is recognised by the store.
      auto subscription = subscribe(std::nullopt);
      if (!subscription) {
        return tl::unexpected(log_failure("subscribe to the Security log", subscription.error()));
      }
      subscription_ = std::move(*subscription);
    }
    // Asked now, because the log may have been overwritten further before the subscription began.
    opened_ = now();
    const auto info = api_.info();
    if (!info) return tl::unexpected(log_failure("look at the Security log", info.error()));
    hole_unknown_ = false;
    if (gone && has_looked()) find_hole(*info, other_file);
    position_.created = info->created;
    confirmed_through_ = info->records == 0 ? 0 : info->oldest_record_id + info->records - 1;
    last_life_ = Clock::now();
    return {};
  }

  LogResult<std::unique_ptr<LogSubscription>> subscribe(std::optional<std::uint64_t> after) {
    return api_.subscribe({eventlog_query(options_.record), eventlog_paths(), after});
  }

  // The bookmarked record is gone: are there records that were never looked at?
  void find_hole(const LogInfo& info, bool other_file) {
    const std::uint64_t oldest = info.oldest_record_id;
    if (info.records == 0 && !other_file) {
      hole_unknown_ = true;
      return;
    }
    if (other_file || oldest > position_.looked_through + 1) read_archives();
    const bool counts_anew = oldest + info.records <= position_.looked_through;
    const bool continues = archived_through_ != 0 && archived_through_ + 1 == oldest;
    if (counts_anew || (other_file && !continues)) {
      begin_hole({.detail = "the log's file was replaced; it may have held more"});
      position_.looked_through = info.records == 0 ? 0 : oldest - 1;
      return;
    }
    find_hole_before(oldest);
  }

  void find_hole_before(std::uint64_t record_id) {
    const std::uint64_t first = position_.looked_through + 1;
    if (record_id <= first) return;
    begin_hole({.first_record_id = first,
                .last_record_id = record_id - 1,
                .missing_records = record_id - first,
                .detail = "overwritten or cleared before they were read"});
    position_.looked_through = record_id - 1;
  }

  void begin_hole(CoverageFact hole) {
    end_hole(now());
    hole.kind = CoverageKind::kRecordsMissing;
    hole.start = position_.looked_time;
    hole_ = std::move(hole);
  }

  // What is missing was written before the first record that is there.
  void end_hole(Timestamp end) {
    if (!hole_) return;
    hole_->end = std::max(hole_->start, end);
    lost_ += hole_->missing_records.value_or(0);
    facts_.push_back(*std::exchange(hole_, std::nullopt));
  }

  void read_archives() {
    archives_due_ = false;
    for (const RecordRange& range : blockwatch::read_archives(
             api_.folder(), options_.record, position_of_, emit_, report_, stop_)) {
      if (!has_looked() || range.first > position_.looked_through + 1) continue;
      archived_through_ = std::max(archived_through_, range.last);
      position_.looked_through = std::max(position_.looked_through, range.last);
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
    const std::uint64_t before = position_.record_id;
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
        file_report_.note(position_.record_id, *wrong);
      } else {
        accept();
      }
    }
    hand_on();
    return {};
  }

  void accept() {
    const std::uint64_t id = record_.record_id();
    if (std::exchange(hole_unknown_, false)) find_hole_before(id);
    end_hole(record_.time());
    for (const CoverageKind kind : std::exchange(lasting_, {})) end_open(kind, record_.time());
    if (auto fact = record_.fact()) {
      if (!fact->end) lasting_.push_back(fact->kind);
      facts_.push_back(std::move(*fact));
    }
    const auto event_id = record_.fields().event_id;
    if (event_id == companion::kLogArchived) archives_due_ = true;
    sink_.take(record_.fields(), id);
    position_.record_id = id;
    position_.looked_through = std::max(position_.looked_through, id);
    // A clock that was ahead must not put later holes into a time to come.
    position_.looked_time = std::min(std::max(position_.looked_time, record_.time()), now());
    report_.set_lag_ms(std::max<std::int64_t>(0, (now().ticks - record_.time().ticks) / 10'000));
  }

  void end_open(CoverageKind kind, Timestamp end,
                std::optional<std::uint64_t> missing = std::nullopt) {
    facts_.push_back(
        {.kind = kind, .start = end, .end = end, .missing_records = missing, .ends_open = true});
  }

  // Everything was taken. `proven`: Windows says so.
  void at_end(bool proven) {
    bool told = hole_.has_value();
    end_hole(now());
    if (proven && opened_) {
      position_.looked_through = std::max(position_.looked_through, confirmed_through_);
      position_.looked_time = std::max(position_.looked_time, *opened_);
      opened_.reset();
      told = true;
    }
    if (!caught_up_) {
      caught_up_ = told = true;
      // Whatever was lost meanwhile is a fact of its own.
      end_open(CoverageKind::kSourceDown, std::max(position_.looked_time, now()), 0);
      report_.set_state(SourceState::kFollowing);
    }
    report_.set_lag_ms(0);
    if (told) hand_on();
  }

  // The events, what is known to be missing and the position, to be stored together.
  void hand_on() {
    sink_.flush();
    if (read_options_.names != nullptr && !list_.events.empty()) {
      const std::string fault = read_options_.names->fault();
      if (!fault.empty()) report_.set_error(fault);
    }
    if (file_report_.damaged > 0) {
      report_.set_error(file_report_.damage.front().what);
      facts_.push_back({.kind = CoverageKind::kRecordsDamaged,
                        .start = position_.looked_time,
                        .end = position_.looked_time,
                        .missing_records = file_report_.damaged,
                        .detail = file_report_.damage.front().what});
    }
    refused_ = !emit_({.source = name_,
                       .list = std::exchange(list_, EventList{}),
                       .position = to_text(position_),
                       .lost = std::exchange(lost_, 0),
                       .damaged = file_report_.damaged,
                       .facts = std::exchange(facts_, {})});
    file_report_ = FileReport{};
  }

  // A subscription that is silent has nothing to say, or is dead without telling.
  Result<void> check_silence() {
    last_life_ = Clock::now();
    const auto info = api_.info();
    if (!info) return tl::unexpected(log_failure("look at the Security log", info.error()));
    const bool grown = info->oldest_record_id + info->records > position_.looked_through + 1;
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
  EventLogPosition position_;            // behind everything that was handed on or is in list_
  std::optional<Timestamp> opened_;      // the subscription; none once it has given all there was
  std::uint64_t confirmed_through_ = 0;  // looked through then
  std::optional<CoverageFact> hole_;     // its end is the next record
  std::uint64_t archived_through_ = 0;   // archives hold all from what was looked at to here
  bool hole_unknown_ = false;            // the next record tells whether there is one
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
  std::uint64_t lost_ = 0;
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
