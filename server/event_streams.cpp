#include "server/event_streams.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <mutex>
#include <thread>
#include <utility>

#include "server/live_tail.h"
#include "server/params.h"
#include "server/stream_client.h"

namespace blockwatch {
namespace {

using Clock = StreamClient::Clock;
using std::chrono::ceil;
using std::chrono::milliseconds;

constexpr milliseconds kLookInterval{250};  // how soon a client that left is noticed
// How soon a client that is behind is seen to by a thread that waits for others to take something.
constexpr milliseconds kBlockedWait{20};

// Writing to a thousand clients takes a good part of a tick: what comes meanwhile is read for the
// rest of them.
constexpr std::size_t kClientsBetweenReads = 64;

void end_all(StreamClients& clients) {
  for (const auto& client : clients) client->connection.end();
  clients.clear();
}

// The client connects again with Last-Event-ID and loses nothing.
void tell_end(const Error& error) { spdlog::warn("a stream ended: {}", error.message); }

}  // namespace

class EventStreams::Impl {
 public:
  Impl(ReaderPool& readers, const CommitSignal& commits, EventStreamsOptions options)
      : readers_(readers), commits_(commits), options_(options) {}

  ~Impl() {
    late_.stop();
    timely_.stop();
    if (late_thread_.joinable()) late_thread_.join();
    if (timely_thread_.joinable()) timely_thread_.join();
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  Result<std::uint64_t> newest_seq() {
    const std::lock_guard lock(asking_mutex_);
    auto reader = readers_.borrow();
    if (!reader) return tl::unexpected(reader.error());
    // An empty question above every seq.
    auto tail = (*reader)->tail({{}, kMaxSeq, 1, false});
    if (!tail) return tl::unexpected(tail.error());
    return tail->newest_seq;
  }

  void add(const StreamQuestion& question, std::uint64_t after, LiveConnection&& connection) {
    const auto now = Clock::now();
    auto client = std::unique_ptr<StreamClient>(new StreamClient{
        shared(question), after, std::move(connection), now + options_.heartbeat, std::nullopt});
    client->told = news_.count();
    if (!client->connection.send(beginning_, now)) return;
    late_.put(std::move(client));
  }

  void tell(std::string_view event, std::string_view data) { news_.add(event, data); }

 private:
  enum class Fate : std::uint8_t { kStays, kMoves, kGone };

  std::shared_ptr<const StreamQuestion> shared(const StreamQuestion& question) {
    const std::lock_guard lock(mutex_);
    if (!late_thread_.joinable()) late_thread_ = std::thread([this] { run_late(); });
    if (!timely_thread_.joinable()) timely_thread_ = std::thread([this] { run_timely(); });
    std::erase_if(questions_, [](const auto& known) { return known.expired(); });
    for (const auto& known : questions_) {
      if (auto held = known.lock(); held && *held == question) return held;
    }
    auto made = std::make_shared<const StreamQuestion>(question);
    questions_.push_back(made);
    return made;
  }

  // Asks each client's fate and acts on it.
  template <class Step>
  static void step_all(StreamClients& clients, StreamInbox& other, Step step) {
    for (std::size_t i = 0; i < clients.size();) {
      const Fate fate = step(*clients[i]);
      if (fate == Fate::kStays) {
        ++i;
        continue;
      }
      if (fate == Fate::kMoves) other.put(std::move(clients[i]));
      clients[i] = std::move(clients.back());
      clients.pop_back();
    }
  }

  // Every look interval: who has hung up goes, also without anything to send.
  static void drop_gone(StreamClients& clients, Clock::time_point now, Clock::time_point& next) {
    if (now < next) return;
    next = now + kLookInterval;
    std::erase_if(clients,
                  [](const auto& client) { return !client->connection.is_client_there(); });
  }

  // The thread of the clients that are behind, also of new ones. Each takes a piece after the other
  // from the store at its own pace.
  void run_late() {
    StreamClients clients;
    PieceMemo memo;
    auto next_look = Clock::now() + kLookInterval;
    while (late_.take(clients)) {
      if (commits_.closed()) {
        end_all(clients);
        continue;
      }
      bool progress = false;
      const auto now = Clock::now();
      step_all(clients, timely_,
               [&](StreamClient& client) { return step_late(client, memo, now, progress); });
      if (clients.empty()) {
        memo.clear();
      } else if (!progress) {
        wait_for_room(clients);
      }
      drop_gone(clients, now, next_look);
    }
    end_all(clients);
  }

  Fate step_late(StreamClient& client, PieceMemo& memo, Clock::time_point now, bool& progress) {
    if (!client.connection.flush(now)) return Fate::kGone;
    if (!client.connection.idle()) return Fate::kStays;
    const std::uint64_t newest = commits_.newest_seq();
    if (client.after >= newest) return Fate::kMoves;
    const auto piece = memo.find(client, [&]() -> Result<StreamPiece> {
      auto reader = readers_.borrow();
      if (!reader) return tl::unexpected(reader.error());
      return read_piece(**reader, *client.question, client.after);
    });
    if (!piece) {
      tell_end(piece.error());
      return Fate::kGone;
    }
    progress = progress || piece->through > client.after;
    if (!client.take(*piece, newest, now)) return Fate::kGone;
    if (!client.connection.idle()) return Fate::kStays;
    return client.beat(newest, options_.heartbeat, now) ? Fate::kStays : Fate::kGone;
  }

  static void wait_for_room(const StreamClients& clients) {
    std::vector<Socket::Handle> sockets;
    sockets.reserve(clients.size());
    for (const auto& client : clients) {
      if (!client->connection.idle()) sockets.push_back(client->connection.handle());
    }
    wait_any_writable(sockets, kBlockedWait);
  }

  // The thread of the clients that keep up.
  void run_timely() {
    StreamClients clients;
    LiveTail tail;
    auto next_look = Clock::now() + kLookInterval;
    for (;;) {
      const bool anew = clients.empty();
      if (!timely_.take(clients)) break;
      if (commits_.closed()) {
        end_all(clients);
        continue;
      }
      const auto now = Clock::now();
      if (anew) tail.start(first_wanted(clients, commits_.newest_seq()));
      if (wants_raw(clients)) tail.want_raw();
      PieceMemo memo;
      read_on(tail, memo);
      const std::uint64_t seq_of_all = tail.through();
      std::size_t stepped = 0;
      step_all(clients, late_, [&](StreamClient& client) {
        if (++stepped % kClientsBetweenReads == 0) read_on(tail, memo);
        return step_timely(client, tail, memo, now);
      });
      drop_gone(clients, now, next_look);
      wait_for_events(clients, seq_of_all, now);
    }
    end_all(clients);
  }

  void read_on(LiveTail& tail, PieceMemo& memo) {
    const std::uint64_t newest = commits_.newest_seq();
    if (newest <= tail.through()) return;
    memo.clear();  // its pieces end earlier
    if (auto read = tail.read_to(newest, readers_); !read) {
      // Each goes on from its place as soon as the store can be read, or is told that it cannot.
      tail.start(newest);
      spdlog::warn("new events could not be read for the streams: {}", read.error().message);
    }
  }

  static std::uint64_t first_wanted(const StreamClients& clients, std::uint64_t newest) {
    for (const auto& client : clients) newest = std::min(newest, client->after);
    return newest;
  }

  static bool wants_raw(const StreamClients& clients) {
    return std::any_of(clients.begin(), clients.end(),
                       [](const auto& client) { return client->question->raw; });
  }

  Fate step_timely(StreamClient& client, LiveTail& tail, PieceMemo& memo, Clock::time_point now) {
    if (!client.connection.flush(now)) return Fate::kGone;
    while (client.connection.idle() && client.after < tail.through()) {
      if (!tail.covers(client.after)) return Fate::kMoves;
      const auto piece = memo.find(client, [&]() -> Result<StreamPiece> {
        return tail.piece(*client.question, client.after);
      });
      if (!client.take(*piece, tail.through(), now)) return Fate::kGone;
    }
    if (client.connection.idle() && !client.hear(news_, now)) return Fate::kGone;
    if (!client.connection.idle()) return Fate::kStays;
    const bool there = client.beat(tail.through(), options_.heartbeat, now);
    return there ? Fate::kStays : Fate::kGone;
  }

  // Until there is something to do, and in any case to the end of the tick.
  void wait_for_events(const StreamClients& clients, std::uint64_t seq, Clock::time_point began) {
    auto until = began + kLookInterval;
    for (const auto& client : clients) {
      until = std::min(until, client->connection.idle() ? client->next_beat : began);
    }
    if (const auto time = ceil<milliseconds>(until - Clock::now()); time > milliseconds::zero()) {
      commits_.wait_newer(seq, time);
    }
    std::this_thread::sleep_until(began + options_.tick);
  }

  ReaderPool& readers_;
  const CommitSignal& commits_;
  const EventStreamsOptions options_;
  const std::shared_ptr<const SharedChunk> beginning_ =
      std::make_shared<SharedChunk>(stream_beginning());
  StreamNews news_;
  StreamInbox late_;
  StreamInbox timely_;
  std::mutex asking_mutex_;
  std::mutex mutex_;
  std::vector<std::weak_ptr<const StreamQuestion>> questions_;  // guarded by mutex_
  std::thread late_thread_;                                     // begun under mutex_
  std::thread timely_thread_;                                   // begun under mutex_
};

EventStreams::EventStreams(ReaderPool& readers, const CommitSignal& commits,
                           EventStreamsOptions options)
    : impl_(std::make_unique<Impl>(readers, commits, options)) {}

EventStreams::~EventStreams() = default;

Result<std::uint64_t> EventStreams::newest_seq() { return impl_->newest_seq(); }

void EventStreams::add(const StreamQuestion& question, std::uint64_t after,
                       LiveConnection&& connection) {
  impl_->add(question, after, std::move(connection));
}

void EventStreams::tell(std::string_view event, std::string_view data) { impl_->tell(event, data); }

}  // namespace blockwatch
