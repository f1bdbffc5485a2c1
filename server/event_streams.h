#pragma once
// Every open stream of events, on two threads: one for the clients that keep up, one for those that
// are behind.

#include <chrono>
#include <cstdint>
#include <memory>
#include <string_view>

#include "server/live_connection.h"
#include "server/reader_pool.h"
#include "server/stream_frames.h"
#include "storage/commit_signal.h"

namespace blockwatch {

struct EventStreamsOptions {
  std::chrono::milliseconds heartbeat{15'000};  // between comments and heartbeats of a stream
  // Clients that keep up are written to at most this often, all that has gathered: a thousand of
  // them cost a thousand writes in that time, however many events there are.
  std::chrono::milliseconds tick{20};
};

// Any thread. The threads begin with the first stream. Ends with the commit signal's close(), or
// when this object goes.
class EventStreams {
 public:
  // Both references outlive this object.
  EventStreams(ReaderPool& readers, const CommitSignal& commits, EventStreamsOptions options = {});
  ~EventStreams();
  EventStreams(const EventStreams&) = delete;
  EventStreams& operator=(const EventStreams&) = delete;

  // Where "now" is in the store. Asked one after the other, so that a thousand clients that come
  // back at once do not open as many connections to it.
  Result<std::uint64_t> newest_seq();

  // Sends everything above `after` that the question asks for, for as long as the client stays.
  void add(const StreamQuestion& question, std::uint64_t after, LiveConnection&& connection);

  // Sends `data` (one line) as this kind of event to every stream that is open now, within about a
  // second. It has no id and is not sent again.
  void tell(std::string_view event, std::string_view data);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace blockwatch
