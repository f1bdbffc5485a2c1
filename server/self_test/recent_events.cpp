#include "server/self_test/recent_events.h"

#include <algorithm>
#include <utility>

#include "monitor/eventlog_query.h"
#include "monitor/eventlog_record.h"
#include "monitor/winlog/text_record.h"

namespace blockwatch {
namespace {

// Far below the 2 MB that Windows answers at once.
constexpr std::uint32_t kBatch = 30;
constexpr std::string_view kSource = "windows:Security";

// Records to events, as the source makes them.
class Reader {
 public:
  explicit Reader(LogSubscription& log) : log_(log) {
    options_.source = kSource;
    options_.record = kBlocksAndDrops;
  }

  // Takes what is there. False: that was all.
  LogResult<bool> take(RecentEvents& recent) {
    const auto taken = log_.next(kBatch);
    if (!taken) {
      switch (taken.error()) {
        case log_error::kNoMoreItems:
        case log_error::kTimeout:
        case log_error::kInvalidOperation:
          return false;
        default:
          return tl::unexpected(taken.error());
      }
    }
    for (std::uint32_t i = 0; i < *taken; ++i) {
      const auto values = log_.render(i);
      if (!values) return tl::unexpected(values.error());
      if (record_.read(*values)) {
        ++recent.unreadable;
        continue;
      }
      const winlog::TextRecord& fields = record_.fields();
      if (sink_.wants(fields) && kBlocksAndDrops.has_event_id(fields.event_id)) {
        ++recent.shapes[{static_cast<std::uint16_t>(fields.event_id), fields.version.value_or(0),
                         fields.data.size()}];
      }
      sink_.take(fields, record_.record_id());
    }
    sink_.flush();
    recent.list.text.absorb(std::move(list_.text));
    auto& events = recent.list.events;
    events.insert(events.end(), list_.events.begin(), list_.events.end());
    list_ = {};
    return true;
  }

 private:
  LogSubscription& log_;
  EventLogRecord record_;
  ReadOptions options_;
  FileReport report_;
  EventList list_;
  const EmitFn keep_ = [this](EventList&& list) {
    list_.text.absorb(std::move(list.text));
    list_.events.insert(list_.events.end(), list.events.begin(), list.events.end());
    return true;
  };
  winlog::RecordSink sink_{options_, keep_, report_};
};

}  // namespace

LogResult<std::unique_ptr<LogSubscription>> subscribe_after(EventLogApi& log,
                                                            std::optional<std::uint64_t> record) {
  return log.subscribe({eventlog_query(kBlocksAndDrops), eventlog_paths(), record});
}

LogResult<RecentEvents> read_recent_events(EventLogApi& log, std::uint64_t records,
                                           std::size_t most) {
  const auto info = log.info();
  if (!info) return tl::unexpected(info.error());
  std::optional<std::uint64_t> after;
  if (info->records > records) after = info->oldest_record_id + info->records - records - 1;
  const auto subscription = subscribe_after(log, after);
  if (!subscription) return tl::unexpected(subscription.error());
  RecentEvents recent;
  Reader reader(**subscription);
  while (true) {
    const auto more = reader.take(recent);
    if (!more) return tl::unexpected(more.error());
    if (!*more) break;
  }
  auto& events = recent.list.events;
  if (events.size() > most) {
    events.erase(events.begin(), events.end() - static_cast<std::ptrdiff_t>(most));
  }
  return recent;
}

LogResult<std::optional<EventList>> wait_for_block(LogSubscription& log, std::uint16_t port,
                                                   std::chrono::milliseconds time) {
  const auto end = std::chrono::steady_clock::now() + time;
  Reader reader(log);
  do {
    log.reset();
    RecentEvents recent;
    while (true) {
      const auto more = reader.take(recent);
      if (!more) return tl::unexpected(more.error());
      if (!*more) break;
    }
    const auto is_ours = [port](const Event& e) {
      return action_of(e.event_id) == Action::kBlock && e.remote_port == port && e.remote_address &&
             e.remote_address->is_loopback();
    };
    auto& events = recent.list.events;
    const auto found = std::ranges::find_if(events, is_ours);
    if (found != events.end()) {
      events = {*found};
      return std::move(recent.list);
    }
    log.wait(std::chrono::milliseconds(100));
  } while (std::chrono::steady_clock::now() < end);
  return std::nullopt;
}

}  // namespace blockwatch
