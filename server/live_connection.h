#pragma once
// The client of an endless answer, from the moment its head was sent: no thread is its own.

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "server/transport.h"

namespace blockwatch {

// Immutable bytes that any number of clients are sent; framed once for all of them.
class SharedChunk {
 public:
  // `text` must not be empty: an empty chunk ends an HTTP body.
  explicit SharedChunk(std::string_view text);

  std::string_view framed() const { return bytes_; }
  std::string_view plain() const {
    return std::string_view(bytes_).substr(head_, bytes_.size() - head_ - 2);
  }

 private:
  std::string bytes_;  // as HTTP/1.1 sends it: length, line end, text, line end
  std::size_t head_ = 0;
};

// Never waits. One thread at a time; movable to another one between two calls.
class LiveConnection {
 public:
  using Clock = std::chrono::steady_clock;

  // `chunked` is false for HTTP/1.0. A client that takes nothing of what is there for `stall`
  // counts as gone. `place` is given back when this object goes.
  LiveConnection(Transport transport, bool chunked, std::chrono::milliseconds stall,
                 std::shared_ptr<void> place);

  // Everything was taken.
  bool idle() const { return chunk_ == nullptr; }

  // Sends as much as the client takes now and keeps the rest for flush(). Requires idle(). False:
  // the client is gone.
  bool send(std::shared_ptr<const SharedChunk> chunk, Clock::time_point now);
  bool flush(Clock::time_point now);

  // Looks whether the client has hung up. Half a hang-up counts: nobody who reads stops sending
  // first. What it sends is thrown away.
  bool is_client_there();

  // Says that the body is complete, unless the client has yet to take something of it.
  void end();

  Socket::Handle handle() const { return transport_.socket().handle(); }

 private:
  Transport transport_;
  bool chunked_;
  std::chrono::milliseconds stall_;
  std::shared_ptr<void> place_;
  std::shared_ptr<const SharedChunk> chunk_;
  std::string_view left_;  // of chunk_
  Clock::time_point last_progress_;
};

}  // namespace blockwatch
