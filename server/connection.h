#pragma once
// One client's connection: heads, bodies and answers, each against its deadline.

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "server/http_server.h"
#include "server/problem.h"
#include "server/transport.h"
#include "storage/result.h"

namespace blockwatch {

// Belongs to its thread; only socket()'s shutdown functions may be called by others.
class Connection {
 public:
  using Clock = std::chrono::steady_clock;

  // Both references outlive this object. `stopping` ends waits within half a second.
  Connection(Transport transport, const HttpServerOptions& options,
             const std::atomic<bool>& stopping)
      : transport_(std::move(transport)), options_(options), stopping_(stopping) {}

  // Comes first. False: no TLS came about in the time that a head has, or that `patience` allows.
  bool open(const std::function<std::chrono::milliseconds()>& patience);

  // The next head with its empty line; valid until the next call. Nothing: the client closed, or
  // sent nothing for as long as `patience` allows (asked again twice a second). A fault: 400, 408,
  // 414 or 431; the connection cannot be read on after it.
  tl::expected<std::optional<std::string_view>, Problem> read_head(
      const std::function<std::chrono::milliseconds()>& patience);

  enum class Deadline : std::uint8_t { kWhole, kBetweenBytes };

  // A body of `length` bytes follows; `send_continue`: the client waits for our word to send it.
  void begin_body(std::uint64_t length, Deadline deadline, bool send_continue);
  // As http::BodyReader.
  Result<std::size_t> read_body(char* buffer, std::size_t size);
  bool body_complete() const { return body_left_ == 0; }
  bool body_stalled() const { return body_stalled_; }

  // The answer: bytes gather and go out at flush(), or by themselves when there are many. False
  // for good once the client is gone or too slow.
  void begin_answer(bool streamed);
  bool write(const char* data, std::size_t size);
  bool flush();
  bool alive() const { return alive_; }
  // Looks whether the client has hung up, without waiting: who only writes now and then would not
  // notice. Half a hang-up counts: nobody who reads an answer stops sending first.
  bool is_client_there();

  // Says that nothing more comes, then reads what the client still sends for a short while: closing
  // with unread bytes would reset the connection and may take the answer away from the client.
  void finish();

  const Socket& socket() const { return transport_.socket(); }
  // Gives the transport away; nothing else may be called afterwards.
  Transport release() { return std::move(transport_); }

 private:
  enum class Arrival : std::uint8_t { kBytes, kClosed, kTimeout };
  // Waits for bytes until then and appends them to in_.
  Arrival receive_until(Clock::time_point deadline);
  bool send(std::string_view bytes);

  Transport transport_;
  const HttpServerOptions& options_;
  const std::atomic<bool>& stopping_;

  std::string in_;
  std::size_t in_used_ = 0;  // bytes of in_ that were handed out

  std::uint64_t body_left_ = 0;
  Deadline body_rule_ = Deadline::kWhole;
  Clock::time_point body_deadline_;
  bool continue_owed_ = false;
  bool body_stalled_ = false;

  std::string out_;
  bool streamed_ = false;
  bool alive_ = true;
  Clock::time_point answer_deadline_;
};

}  // namespace blockwatch
