// A live source at a steady rate: how long from an event's arrival to its commit, and to the moment
// a stream that waits for it is awake?
//
//   bench_live [--short] [--json] [--rate N] [--seconds N] [--stored ROWS]
//
// The rate is kept by the clock: an event that had to wait because the writer was busy counts from
// the time it should have come, so a stall is seen in every event behind it.

#include <mutex>
#include <thread>

#include "storage/event_writer.h"
#include "tests/bench/measure.h"
#include "tests/bench/traffic.h"
#include "tests/support/temp_dir.h"

namespace blockwatch::bench {
namespace {

constexpr auto kTick = std::chrono::milliseconds(1);  // events of a millisecond come together
constexpr auto kWake = std::chrono::milliseconds(500);

double ms_between(Clock::time_point a, Clock::time_point b) {
  return std::chrono::duration<double, std::milli>(b - a).count();
}

struct Seen {
  std::uint64_t seq = 0;
  Clock::time_point when;
};

// What the rest of the program would see of the writer.
class Watch {
 public:
  explicit Watch(const CommitSignal& signal, std::uint64_t from)
      : thread_([this, &signal, from] { run(signal, from); }) {}
  ~Watch() {
    if (thread_.joinable()) thread_.join();
  }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  // After the signal was closed.
  std::vector<Seen> wakes() {
    thread_.join();
    return std::move(wakes_);
  }

 private:
  void run(const CommitSignal& signal, std::uint64_t seq) {
    for (bool last = false; !last;) {
      last = signal.closed();  // looked at before waiting: what was published by then is seen
      const std::uint64_t newest = signal.wait_newer(seq, kWake);
      if (newest > seq) wakes_.push_back({newest, Clock::now()});
      seq = newest;
    }
  }

  std::vector<Seen> wakes_;  // the thread's until it is joined
  std::thread thread_;
};

struct Arrivals {
  std::vector<Clock::time_point> when;  // of each batch
  std::vector<Seen> done;               // its last seq and the time of its commit; by the writer
  double worst_push_ms = 0;
};

// Gives the writer `rate` events a second, a batch every millisecond.
void feed(EventWriter& writer, Traffic& traffic, std::uint64_t rate, std::uint64_t seconds,
          Arrivals& arrivals) {
  const std::uint64_t batches = seconds * 1000;
  arrivals.when.reserve(batches);
  arrivals.done.resize(batches);
  const auto begin = Clock::now();
  std::uint64_t sent = 0;
  for (std::uint64_t n = 0; n < batches; ++n) {
    const std::uint64_t due = rate * (n + 1) / 1000;
    EventBatch batch = traffic.batch(due - sent);
    sent = due;
    const auto when = begin + kTick * static_cast<int>(n);
    std::this_thread::sleep_until(when);
    arrivals.when.push_back(when);
    const auto start = Clock::now();
    const bool taken = writer.push(std::move(batch),
                                   [&arrivals, n](const AppendResult& result) {
                                     arrivals.done[n] = {result.newest_seq, Clock::now()};
                                   },
                                   {});
    if (!taken) fail("a batch was not taken");
    arrivals.worst_push_ms = std::max(arrivals.worst_push_ms, ms_between(start, Clock::now()));
  }
}

void run(const Options& options) {
  const std::uint64_t rate = number_option(options, "--rate", 5000);
  const std::uint64_t seconds = number_option(options, "--seconds", options.is_short ? 3 : 60);
  const std::uint64_t stored =
      number_option(options, "--stored", options.is_short ? 20'000 : 1'000'000);
  if (rate == 0 || seconds == 0) fail("a rate and a time are needed");
  const Lines lines(options.json);
  const TempDir folder;
  auto store = Store::open({folder.path("live.db"), true});
  if (!store) fail(store.error().message);
  Traffic traffic(Timestamp{17'000'000'000'000'000},
                  static_cast<std::uint64_t>(Timestamp::kTicksPerSecond) / rate);
  for (std::uint64_t done = 0; done < stored; done += 10'000) {
    if (!(*store)->append(traffic.batch(10'000))) fail("append failed");
  }
  const auto from = (*store)->newest_seq();
  if (!from) fail(from.error().message);

  CommitSignal signal;
  Watch watch(signal, *from);
  Arrivals arrivals;
  const double cpu = cpu_seconds();
  const auto begin = Clock::now();
  {
    EventWriter writer(std::move(*store), signal, RetentionOptions{});
    feed(writer, traffic, rate, seconds, arrivals);
    if (!writer.stop(60'000)) fail("not all events were committed");
  }
  const double took = seconds_since(begin);
  const double cpu_share = (cpu_seconds() - cpu) / took;
  signal.close();
  const std::vector<Seen> wakes = watch.wakes();

  std::vector<double> commit, wake;
  std::size_t at = 0;
  for (std::size_t n = 0; n < arrivals.when.size(); ++n) {
    if (arrivals.done[n].seq == 0) fail("a commit was not told");
    commit.push_back(ms_between(arrivals.when[n], arrivals.done[n].when));
    while (at < wakes.size() && wakes[at].seq < arrivals.done[n].seq) ++at;
    if (at == wakes.size()) fail("a commit woke nobody");
    wake.push_back(ms_between(arrivals.when[n], wakes[at].when));
  }
  const std::size_t batches = commit.size();
  lines.add("live", {{"events_per_s", static_cast<double>(rate)},
                     {"seconds", took},
                     {"stored_before", static_cast<double>(stored)},
                     {"commits", static_cast<double>(wakes.size())},
                     {"worst_push_ms", arrivals.worst_push_ms},
                     {"cpu_share", cpu_share},
                     {"resident_mb", resident_mb()}});
  lines.add_times("live: arrival to commit", spread_of(std::move(commit)), batches, 0);
  lines.add_times("live: arrival to a waiting stream", spread_of(std::move(wake)), batches, 0);
}

}  // namespace
}  // namespace blockwatch::bench

int main(int argc, char** argv) {
  blockwatch::bench::run(blockwatch::bench::read_options(argc, argv));
  return 0;
}
