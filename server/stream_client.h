#pragma once
// One client of a stream, and the way clients go from thread to thread. Private to EventStreams.

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "server/live_connection.h"
#include "server/stream_frames.h"

namespace blockwatch {

// What is told to every stream beside the events. Any thread.
class StreamNews {
 public:
  static constexpr std::size_t kMost = 64;  // older ones are not kept

  void add(std::string_view event, std::string_view data);
  std::uint64_t count() const { return count_; }  // ever added
  // The first kept one after the first `told`, which then counts it too; null: none.
  std::shared_ptr<const SharedChunk> next(std::uint64_t& told) const;

 private:
  mutable std::mutex mutex_;
  std::deque<std::shared_ptr<const SharedChunk>> kept_;  // guarded by mutex_
  std::atomic<std::uint64_t> count_{0};                  // changed under mutex_
};

struct StreamClient {
  using Clock = LiveConnection::Clock;

  std::shared_ptr<const StreamQuestion> question;  // equal questions are one object
  std::uint64_t after;                             // everything up to here was sent
  LiveConnection connection;
  Clock::time_point next_beat;
  std::optional<Clock::time_point> behind_since;
  std::uint64_t told = 0;  // so many of the news were sent, or were before its time

  // Sends the piece. False: the client is gone.
  bool take(const StreamPiece& piece, std::uint64_t newest_seq, Clock::time_point now);
  // Sends comment and heartbeat when they are due. Requires that all else was taken.
  bool beat(std::uint64_t newest_seq, std::chrono::milliseconds every, Clock::time_point now);
  // Sends the news that are new to it. False: the client is gone.
  bool hear(const StreamNews& news, Clock::time_point now);
};

using StreamClients = std::vector<std::unique_ptr<StreamClient>>;

// Clients on their way to a thread. Any thread.
class StreamInbox {
 public:
  void put(std::unique_ptr<StreamClient> client);
  // Adds what has come to `clients`; waits for it when there are none. False: stop() was called.
  bool take(StreamClients& clients);
  void stop();

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  StreamClients arrived_;  // guarded by mutex_
  bool stopping_ = false;  // guarded by mutex_
};

// Pieces that other clients will want as well. One thread.
class PieceMemo {
 public:
  // The piece after that seq, made by `make` (a Result<StreamPiece>) unless it is known.
  template <class Make>
  Result<StreamPiece> find(const StreamClient& client, Make make) {
    const Key key{client.question, client.after};
    if (const auto known = pieces_.find(key); known != pieces_.end()) return known->second;
    Result<StreamPiece> piece = make();
    if (piece && piece->through > client.after) remember(key, *piece);
    return piece;
  }
  void clear();

 private:
  using Key = std::pair<std::shared_ptr<const StreamQuestion>, std::uint64_t>;
  void remember(const Key& key, const StreamPiece& piece);

  std::map<Key, StreamPiece> pieces_;
  std::size_t bytes_ = 0;
};

}  // namespace blockwatch
