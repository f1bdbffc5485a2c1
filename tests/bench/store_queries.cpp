#include "tests/bench/store_queries.h"

#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <random>
#include <utility>

#include "storage/words.h"
#include "tests/bench/traffic.h"

namespace blockwatch::bench {
namespace {

constexpr std::int64_t kHour = 3600 * Timestamp::kTicksPerSecond;
constexpr std::int64_t kDay = 24 * kHour;

// Asks for what `e` has in one field.
using Ask = void (*)(const Event& e, Filter& filter);

template <class T>
NumberRange number(T value) {
  return {static_cast<std::uint64_t>(value), static_cast<std::uint64_t>(value)};
}

// The network of an address: /16 of IPv4, /64 of IPv6.
IpRange network_of(const IpAddress& address) {
  IpRange range{address, address};
  for (std::size_t i = address.is_v4() ? 14 : 8; i < 16; ++i) {
    range.low.bytes[i] = 0;
    range.high.bytes[i] = 0xff;
  }
  return range;
}

void day_before(const Event& e, Filter& f) {
  f.since = Timestamp{e.time.ticks - kDay};
  f.until = e.time;
}

struct NamedAsk {
  const char* name;
  Ask ask;
};

// One for every filter of the contract, some in two forms.
const std::vector<NamedAsk>& single_filters() {
  static const std::vector<NamedAsk> asks = {
      {"direction", [](const Event& e, Filter& f) { f.direction.any = {*e.direction}; }},
      {"action", [](const Event& e, Filter& f) { f.action.any = {action_of(e.event_id)}; }},
      {"scope", [](const Event& e, Filter& f) { f.scope.any = {scope_of(e.event_id)}; }},
      {"reason", [](const Event& e, Filter& f) { f.reason.any = {e.reason}; }},
      {"reason, none has it",
       [](const Event&, Filter& f) { f.reason.any = {Reason::kNoListener}; }},
      {"protocol", [](const Event& e, Filter& f) { f.protocol.any = {number(*e.protocol)}; }},
      {"event_id", [](const Event& e, Filter& f) { f.event_id.any = {number(e.event_id)}; }},
      {"port", [](const Event& e, Filter& f) { f.port.any = {number(*e.remote_port)}; }},
      {"local_port", [](const Event& e, Filter& f) { f.local_port.any = {number(*e.local_port)}; }},
      {"remote_port",
       [](const Event& e, Filter& f) { f.remote_port.any = {number(*e.remote_port)}; }},
      {"remote_port, a range",
       [](const Event& e, Filter& f) {
         const std::uint64_t low = *e.remote_port;
         f.remote_port.any = {{low, low + 100}};
       }},
      {"remote_port__not",
       [](const Event& e, Filter& f) { f.remote_port.none = {number(*e.remote_port)}; }},
      {"address",
       [](const Event& e, Filter& f) {
         f.address.any = {{*e.remote_address, *e.remote_address}};
       }},
      {"local_address",
       [](const Event& e, Filter& f) {
         f.local_address.any = {{*e.local_address, *e.local_address}};
       }},
      {"remote_address",
       [](const Event& e, Filter& f) {
         f.remote_address.any = {{*e.remote_address, *e.remote_address}};
       }},
      {"remote_address, CIDR",
       [](const Event& e, Filter& f) { f.remote_address.any = {network_of(*e.remote_address)}; }},
      {"application, a pattern",
       [](const Event& e, Filter& f) {
         f.application.any = {{"*\\" + application_name(e.application), true}};
       }},
      {"application_name",
       [](const Event& e, Filter& f) {
         f.application_name.any = {application_name(e.application)};
       }},
      {"process_id", [](const Event& e, Filter& f) { f.process_id.any = {number(*e.process_id)}; }},
      {"user, none has it", [](const Event&, Filter& f) { f.user.any = {"S-1-5-21-1"}; }},
      {"filter_id", [](const Event& e, Filter& f) { f.filter_id.any = {number(*e.filter_id)}; }},
      {"filter_name, none has it",
       [](const Event&, Filter& f) { f.filter_name.any = {"Block all"}; }},
      {"filter_origin",
       [](const Event& e, Filter& f) { f.filter_origin.any = {std::string(e.filter_origin)}; }},
      {"layer", [](const Event& e, Filter& f) { f.layer.any = {std::string(e.layer)}; }},
      {"interface_index, none has it",
       [](const Event&, Filter& f) { f.interface_index.any = {number(12)}; }},
      {"host", [](const Event& e, Filter& f) { f.host.any = {std::string(e.host)}; }},
      {"source", [](const Event& e, Filter& f) { f.source.any = {std::string(e.source)}; }},
      {"record_id", [](const Event& e, Filter& f) { f.record_id.any = {number(*e.record_id)}; }},
      {"since", [](const Event& e, Filter& f) { f.since = e.time; }},
      {"until", [](const Event& e, Filter& f) { f.until = e.time; }},
      {"since and until", day_before},
      {"q", [](const Event& e, Filter& f) { f.q = application_name(e.application); }},
      {"q, none has it", [](const Event&, Filter& f) { f.q = "no such text"; }},
  };
  return asks;
}

const std::vector<NamedAsk>& pairs() {
  static const std::vector<NamedAsk> asks = {
      {"application and time",
       [](const Event& e, Filter& f) {
         f.application_name.any = {application_name(e.application)};
         day_before(e, f);
       }},
      {"port and direction",
       [](const Event& e, Filter& f) {
         f.port.any = {number(std::min(*e.local_port, *e.remote_port))};
         f.direction.any = {*e.direction};
       }},
      {"address and time",
       [](const Event& e, Filter& f) {
         f.address.any = {{*e.remote_address, *e.remote_address}};
         day_before(e, f);
       }},
      {"CIDR and time",
       [](const Event& e, Filter& f) {
         f.remote_address.any = {network_of(*e.remote_address)};
         day_before(e, f);
       }},
  };
  return asks;
}

constexpr std::array<std::pair<const char*, TopField>, 12> kTopFields{{
    {"application", TopField::kApplication},
    {"application_name", TopField::kApplicationName},
    {"remote_address", TopField::kRemoteAddress},
    {"remote_port", TopField::kRemotePort},
    {"local_port", TopField::kLocalPort},
    {"direction", TopField::kDirection},
    {"protocol", TopField::kProtocol},
    {"event_id", TopField::kEventId},
    {"filter_name", TopField::kFilterName},
    {"reason", TopField::kReason},
    {"host", TopField::kHost},
    {"process_id", TopField::kProcessId},
}};
constexpr std::array<std::pair<const char*, TimelineBy>, 4> kTimelines{{
    {"by nothing", TimelineBy::kNothing},
    {"by action", TimelineBy::kAction},
    {"by direction", TimelineBy::kDirection},
    {"by event_id", TimelineBy::kEventId},
}};

class QueryTimer {
 public:
  QueryTimer(StoreReader& reader, const std::string& path, const std::vector<Event>& samples,
             const QueryOptions& options, const Lines& lines)
      : reader_(reader), path_(path), samples_(samples), options_(options), lines_(lines) {}

  void run() {
    pages();
    depth();
    statistics();
    counts();
    deadline();
    asked_again();
    lines_.add("refused at the default deadline", {{"count", static_cast<double>(refused_)}});
  }

 private:
  // The result of a question: how many rows or values it gave.
  using Question = std::function<Result<std::size_t>(const Filter&)>;
  using Draw = std::function<Filter()>;

  const Event& sample() { return samples_[random_() % samples_.size()]; }

  Filter drawn(Ask ask) {
    Filter filter;
    ask(sample(), filter);
    return filter;
  }

  // Three filters of different kinds with values of different events: hardly any row has all.
  Filter three() {
    const auto& asks = single_filters();
    Filter filter;
    std::array<std::size_t, 3> taken{};
    for (std::size_t i = 0; i < taken.size();) {
      taken[i] = random_() % asks.size();
      if (std::find(taken.begin(), taken.begin() + static_cast<std::ptrdiff_t>(i), taken[i]) !=
          taken.begin() + static_cast<std::ptrdiff_t>(i)) {
        continue;
      }
      asks[taken[i++]].ask(sample(), filter);
    }
    return filter;
  }

  // In seconds.
  double now() const { return options_.cpu_time ? cpu_seconds() : seconds_since({}); }

  // `before` is called before each question, and is not in its time.
  void time(
      const std::string& name, const Draw& draw, const Question& question,
      const std::function<void(const Filter&)>& before = [](const Filter&) {}) {
    if (!name.starts_with(options_.only)) return;
    for (int i = 0; i < 3; ++i) {  // warm
      const Filter filter = draw();
      before(filter);
      (void)question(filter);
    }
    std::vector<double> ms;
    double rows = 0;
    const auto begin = Clock::now();
    while (ms.size() < options_.runs && seconds_since(begin) < options_.seconds_a_kind) {
      const Filter filter = draw();
      before(filter);
      const double start = now();
      const auto answer = question(filter);
      ms.push_back((now() - start) * 1e3);
      if (answer) {
        rows += static_cast<double>(*answer);
      } else if (answer.error().code == ErrorCode::kUnavailable) {
        ++refused_;
      } else {
        fail(name + ": " + answer.error().message);
      }
    }
    const std::size_t runs = ms.size();
    lines_.add_times(name, spread_of(std::move(ms)), runs, rows / static_cast<double>(runs));
  }

  Result<std::size_t> page(const Filter& filter, bool count) {
    PageQuery query;
    query.filter = filter;
    query.count = count;
    const auto page = reader_.page(query);
    if (!page) return tl::unexpected(page.error());
    return count ? static_cast<std::size_t>(*page->total) : page->list.events.size();
  }

  void pages() {
    const Question ask = [this](const Filter& f) { return page(f, false); };
    time(
        "page: no filter", [] { return Filter{}; }, ask);
    for (const auto& one : single_filters()) {
      time(
          std::string("page, one filter: ") + one.name, [&] { return drawn(one.ask); }, ask);
    }
    for (const auto& pair : pairs()) {
      time(
          std::string("page, two filters: ") + pair.name, [&] { return drawn(pair.ask); }, ask);
    }
    time(
        "page, three filters: any", [this] { return three(); }, ask);
    time(
        "page, three filters: port 22, inbound, rare application",
        [] {
          Filter f;
          f.local_port.any = {{22, 22}};
          f.direction.any = {Direction::kInbound};
          f.application_name.any = {"app200.exe"};
          return f;
        },
        ask);
  }

  // The pages of one long answer, one after the other: does a late one cost more?
  void depth() {
    if (!std::string_view("page, depth").starts_with(options_.only)) return;
    constexpr std::size_t kFirst = 10;
    constexpr std::size_t kLast = 1000;
    std::vector<double> early, late;
    for (std::size_t round = 0; round < std::max<std::size_t>(options_.runs / 25, 2); ++round) {
      PageQuery query;
      std::vector<double> ms;
      for (std::size_t n = 0; n < kLast; ++n) {
        const auto start = Clock::now();
        const auto page = reader_.page(query);
        ms.push_back(seconds_since(start) * 1e3);
        if (!page) fail("pages in a row: " + page.error().message);
        if (!page->next) break;
        query.cursor = page->next;
      }
      const std::size_t edge = std::min(kFirst, ms.size() / 2);
      const auto end = static_cast<std::ptrdiff_t>(edge);
      early.insert(early.end(), ms.begin(), ms.begin() + end);
      late.insert(late.end(), ms.end() - end, ms.end());
    }
    const std::size_t runs = early.size();
    lines_.add_times("page, depth: 1 to 10", spread_of(early), runs, 100);
    lines_.add_times("page, depth: 991 to 1000", spread_of(late), runs, 100);
  }

  Filter any_single() {
    const auto& asks = single_filters();
    return drawn(asks[random_() % asks.size()].ask);
  }

  // Every question that counts, of the reader that is in use then.
  std::vector<std::pair<std::string, Question>> statistics_questions() {
    std::vector<std::pair<std::string, Question>> questions;
    for (const auto& [name, by] : kTopFields) {
      questions.emplace_back(std::string("top, *: ") + name,
                             [this, by = by](const Filter& f) -> Result<std::size_t> {
                               const auto top = counting_->top({f, by, 20});
                               if (!top) return tl::unexpected(top.error());
                               return top->values.size();
                             });
    }
    for (const auto& [name, by] : kTimelines) {
      questions.emplace_back(std::string("timeline, *: ") + name,
                             [this, by = by](const Filter& f) -> Result<std::size_t> {
                               const auto timeline = counting_->timeline({f, kHour, by});
                               if (!timeline) return tl::unexpected(timeline.error());
                               return timeline->size();
                             });
    }
    return questions;
  }

  static std::string with(std::string name, std::string_view filters) {
    return name.replace(name.find('*'), 1, filters);
  }

  void statistics() {
    std::unique_ptr<StoreReader> fresh;
    // One that remembers no answer, but has read what every question needs.
    const auto forget = [&](const Filter&) {
      auto reader = StoreReader::open(path_);
      if (!reader || !(*reader)->page({})) fail("cannot open the store again");
      fresh = std::move(*reader);
      counting_ = fresh.get();
    };
    for (const auto& [name, ask] : statistics_questions()) {
      time(
          with(name, "no filter"), [] { return Filter{}; }, ask);
      time(
          with(name, "one filter, first time"), [this] { return any_single(); }, ask, forget);
      time(
          with(name, "three filters, first time"), [this] { return three(); }, ask, forget);
      counting_ = &reader_;
    }
  }

  // As a dashboard asks: the same question again, when new rows have come in.
  void asked_again() {
    constexpr std::size_t kTimes = 5;
    constexpr std::size_t kNewRows = 100;
    auto store = Store::open({path_, false});
    if (!store) fail(store.error().message);
    const auto newest = reader_.event(reader_.status()->newest_seq);
    if (!newest) fail(newest.error().message);
    Traffic traffic(newest->events.front().time, Timestamp::kTicksPerSecond / 100);
    for (const auto& question : statistics_questions()) {
      const Question& ask = question.second;
      Filter filter;
      std::size_t asked = 0;
      const auto draw = [&] {
        if (asked++ % kTimes == 0) {
          filter = any_single();
          (void)ask(filter);
        }
        return filter;
      };
      time(with(question.first, "one filter, asked again"), draw, ask, [&](const Filter&) {
        if (!(*store)->append(traffic.batch(kNewRows))) fail("append failed");
      });
    }
  }

  void counts() {
    const Question ask = [this](const Filter& f) { return page(f, true); };
    time(
        "count: no filter", [] { return Filter{}; }, ask);
    for (const auto& one : single_filters()) {
      time(
          std::string("count, one filter: ") + one.name, [&] { return drawn(one.ask); }, ask);
    }
    for (const auto& pair : pairs()) {
      time(
          std::string("count, two filters: ") + pair.name, [&] { return drawn(pair.ask); }, ask);
    }
    time(
        "count, three filters: any", [this] { return three(); }, ask);
  }

  // With a deadline that the longest questions cannot keep: are they refused soon after it, and
  // does the connection go on?
  void deadline() {
    if (!std::string_view("deadline of 1 ms").starts_with(options_.only)) return;
    constexpr std::uint32_t kDeadlineMs = 1;
    reader_.set_deadline_ms(kDeadlineMs);
    std::vector<double> refused;
    for (std::size_t i = 0; i < options_.runs; ++i) {
      Filter filter = three();
      filter.q = "no such text " + std::to_string(i);
      const auto start = Clock::now();
      const auto top = reader_.top({filter, kTopFields[i % kTopFields.size()].second, 20});
      const double ms = seconds_since(start) * 1e3;
      if (top) continue;
      if (top.error().code != ErrorCode::kUnavailable) fail(top.error().message);
      refused.push_back(ms);
    }
    reader_.set_deadline_ms(StoreReader::kDefaultDeadlineMs);
    const bool usable = reader_.page({}).has_value();
    const Spread ms = refused.empty() ? Spread{} : spread_of(refused);
    lines_.add("deadline of 1 ms", {{"asked", static_cast<double>(options_.runs)},
                                    {"refused", static_cast<double>(refused.size())},
                                    {"p50_ms", ms.p50},
                                    {"max_ms", ms.max},
                                    {"usable_after", usable ? 1.0 : 0.0}});
  }

  StoreReader& reader_;
  StoreReader* counting_ = &reader_;  // for questions that count
  const std::string& path_;
  const std::vector<Event>& samples_;
  const QueryOptions& options_;
  const Lines& lines_;
  std::mt19937_64 random_{11};
  std::size_t refused_ = 0;
};

}  // namespace

void time_queries(StoreReader& reader, const std::string& path, const std::vector<Event>& samples,
                  const QueryOptions& options, const Lines& lines) {
  reader.set_deadline_ms(StoreReader::kDefaultDeadlineMs);
  QueryTimer(reader, path, samples, options, lines).run();
}

}  // namespace blockwatch::bench
