#include "server/connection.h"

#include <algorithm>
#include <array>
#include <utility>

#include "server/request_head.h"

namespace blockwatch {
namespace {

using std::chrono::milliseconds;

// How long a wait may not notice that the server stops.
constexpr milliseconds kSlice{500};
constexpr std::size_t kReceiveBytes = std::size_t{16} * 1024;
constexpr std::size_t kGatherBytes = std::size_t{64} * 1024;
constexpr std::size_t kWatchedBytes = std::size_t{64} * 1024;
constexpr milliseconds kLinger{1'000};
constexpr std::size_t kLingerBytes = std::size_t{4} * 1024 * 1024;

milliseconds until(Connection::Clock::time_point deadline) {
  return std::chrono::ceil<milliseconds>(deadline - Connection::Clock::now());
}

}  // namespace

Connection::Arrival Connection::receive_until(Clock::time_point deadline) {
  std::array<char, kReceiveBytes> buffer;  // NOLINT(*-member-init): receive() fills what is used
  while (true) {
    const Socket::Transfer transfer = transport_.receive(buffer.data(), buffer.size());
    if (transfer.status == Socket::Status::kClosed) return Arrival::kClosed;
    if (transfer.status == Socket::Status::kDone) {
      in_.append(buffer.data(), transfer.bytes);
      return Arrival::kBytes;
    }
    const milliseconds left = until(deadline);
    if (left <= milliseconds::zero()) return Arrival::kTimeout;
    if (stopping_) return Arrival::kClosed;
    socket().wait_readable(std::min(left, kSlice));
  }
}

bool Connection::open(const std::function<milliseconds()>& patience) {
  const auto began = Clock::now();
  while (true) {
    const TlsSession::Progress progress = transport_.handshake();
    if (progress == TlsSession::Progress::kDone) return true;
    const milliseconds left =
        until(began + std::min<milliseconds>(options_.header_deadline, patience()));
    if (progress == TlsSession::Progress::kFailed || left <= milliseconds::zero() || stopping_) {
      return alive_ = false;
    }
    if (progress == TlsSession::Progress::kWantsRead) {
      socket().wait_readable(std::min(left, kSlice));
    } else {
      socket().wait_writable(std::min(left, kSlice));
    }
  }
}

tl::expected<std::optional<std::string_view>, Problem> Connection::read_head(
    const std::function<milliseconds()>& patience) {
  in_.erase(0, in_used_);
  in_used_ = 0;
  const auto quiet_since = Clock::now();
  while (in_.empty()) {
    const auto deadline = std::min(Clock::now() + kSlice, quiet_since + patience());
    const Arrival arrival = receive_until(deadline);
    if (arrival == Arrival::kClosed) return std::nullopt;
    if (arrival == Arrival::kTimeout && Clock::now() >= quiet_since + patience()) {
      return std::nullopt;
    }
  }

  const auto deadline = Clock::now() + options_.header_deadline;
  HeadScanner scanner;
  while (true) {
    const HeadScanner::State state = scanner.scan(in_);
    if (state == HeadScanner::State::kFault) return tl::unexpected<Problem>(scanner.fault());
    if (state == HeadScanner::State::kComplete) break;
    // Checked here as well: a byte now and then never lets receive_until() run into its deadline.
    const Arrival arrival = Clock::now() < deadline ? receive_until(deadline) : Arrival::kTimeout;
    if (arrival == Arrival::kClosed) return std::nullopt;
    if (arrival == Arrival::kTimeout) {
      return tl::unexpected<Problem>(
          Problem{408, "request_timeout", "The request head took too long to arrive.", {}, {}});
    }
  }
  in_used_ = scanner.head_bytes();
  return std::string_view(in_).substr(0, in_used_);
}

void Connection::begin_body(std::uint64_t length, Deadline deadline, bool send_continue) {
  body_left_ = length;
  body_rule_ = deadline;
  body_deadline_ = Clock::now() + options_.body_deadline;
  continue_owed_ = send_continue;
  body_stalled_ = false;
}

Result<std::size_t> Connection::read_body(char* buffer, std::size_t size) {
  if (body_stalled_) {
    return make_error(ErrorCode::kUnavailable, "the request body stopped arriving");
  }
  if (body_left_ == 0 || size == 0) return 0;
  if (in_used_ == in_.size()) {
    in_.clear();
    in_used_ = 0;
    if (std::exchange(continue_owed_, false)) {
      constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
      begin_answer(false);
      write(kContinue.data(), kContinue.size());
      flush();
    }
    if (body_rule_ == Deadline::kBetweenBytes) {
      body_deadline_ = Clock::now() + options_.body_deadline;
    }
    const Arrival arrival =
        Clock::now() < body_deadline_ ? receive_until(body_deadline_) : Arrival::kTimeout;
    if (arrival == Arrival::kClosed) {
      return make_error(ErrorCode::kUnavailable, "the client closed before the body was complete");
    }
    if (arrival == Arrival::kTimeout) {
      body_stalled_ = true;
      return make_error(ErrorCode::kUnavailable, "the request body stopped arriving");
    }
  }
  const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(size, body_left_));
  const std::size_t count = in_.copy(buffer, wanted, in_used_);
  in_used_ += count;
  body_left_ -= count;
  return count;
}

void Connection::begin_answer(bool streamed) {
  streamed_ = streamed;
  answer_deadline_ = Clock::now() + options_.write_deadline;
}

bool Connection::write(const char* data, std::size_t size) {
  if (!alive_) return false;
  // Not copied: an answer that its client is slow to take would be kept twice.
  if (size >= kGatherBytes) return flush() && send({data, size});
  out_.append(data, size);
  return out_.size() < kGatherBytes || flush();
}

bool Connection::flush() {
  const bool sent = send(out_);
  out_.clear();
  return sent;
}

bool Connection::send(std::string_view left) {
  if (streamed_) answer_deadline_ = Clock::now() + options_.stream_stall;
  while (alive_ && !left.empty()) {
    const Socket::Transfer transfer = transport_.send(left.data(), left.size());
    if (transfer.status == Socket::Status::kDone) {
      left.remove_prefix(transfer.bytes);
      if (streamed_) answer_deadline_ = Clock::now() + options_.stream_stall;
      continue;
    }
    const milliseconds remaining = until(answer_deadline_);
    if (transfer.status == Socket::Status::kClosed || remaining <= milliseconds::zero() ||
        (streamed_ && stopping_)) {
      alive_ = false;
      break;
    }
    socket().wait_writable(std::min(remaining, kSlice));
  }
  return alive_;
}

bool Connection::is_client_there() {
  // What it sends meanwhile is kept for the next request, within reason.
  while (alive_ && in_.size() < kWatchedBytes) {
    const Arrival arrival = receive_until(Clock::now());
    if (arrival == Arrival::kTimeout) break;
    alive_ = arrival == Arrival::kBytes;
  }
  return alive_;
}

void Connection::finish() {
  transport_.shutdown_send();
  const auto deadline = Clock::now() + kLinger;
  std::size_t discarded = 0;
  while (alive_ && discarded < kLingerBytes && Clock::now() < deadline) {
    in_.clear();
    if (receive_until(deadline) != Arrival::kBytes) break;
    discarded += in_.size();
  }
  alive_ = false;
}

}  // namespace blockwatch
