#include "server/live_connection.h"

#include <array>
#include <charconv>
#include <utility>

namespace blockwatch {
namespace {

constexpr std::string_view kLineEnd = "\r\n";
constexpr std::string_view kLastChunk = "0\r\n\r\n";
// Read at once from a client that should have nothing to say.
constexpr std::size_t kUnwantedBytes = 4096;

}  // namespace

SharedChunk::SharedChunk(std::string_view text) {
  std::array<char, 2 * sizeof(std::size_t)> length{};
  const auto written = std::to_chars(length.data(), length.data() + length.size(), text.size(), 16);
  const std::string_view digits(length.data(),
                                static_cast<std::size_t>(written.ptr - length.data()));
  head_ = digits.size() + kLineEnd.size();
  bytes_.reserve(head_ + text.size() + kLineEnd.size());
  bytes_.append(digits).append(kLineEnd).append(text).append(kLineEnd);
}

LiveConnection::LiveConnection(Transport transport, bool chunked, std::chrono::milliseconds stall,
                               std::shared_ptr<void> place)
    : transport_(std::move(transport)),
      chunked_(chunked),
      stall_(stall),
      place_(std::move(place)) {}

bool LiveConnection::send(std::shared_ptr<const SharedChunk> chunk, Clock::time_point now) {
  chunk_ = std::move(chunk);
  left_ = chunked_ ? chunk_->framed() : chunk_->plain();
  last_progress_ = now;
  return flush(now);
}

bool LiveConnection::flush(Clock::time_point now) {
  while (!left_.empty()) {
    const Socket::Transfer transfer = transport_.send(left_.data(), left_.size());
    if (transfer.status == Socket::Status::kClosed) return false;
    if (transfer.status == Socket::Status::kWouldBlock) return now - last_progress_ < stall_;
    left_.remove_prefix(transfer.bytes);
    last_progress_ = now;
  }
  chunk_.reset();
  return true;
}

bool LiveConnection::is_client_there() {
  std::array<char, kUnwantedBytes> unwanted;  // NOLINT(*-member-init): never looked at
  return transport_.receive(unwanted.data(), unwanted.size()).status != Socket::Status::kClosed;
}

void LiveConnection::end() {
  // Bytes that nobody has read would make closing a reset, which may take the last chunk away.
  is_client_there();
  if (chunked_ && idle()) transport_.send(kLastChunk.data(), kLastChunk.size());
  transport_.shutdown_send();
}

}  // namespace blockwatch
