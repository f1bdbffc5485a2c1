#include "server/stream_client.h"

#include <algorithm>
#include <iterator>

namespace blockwatch {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;

constexpr std::size_t kMostMemoBytes = std::size_t{4} * 1024 * 1024;
constexpr std::size_t kMostMemoPieces = 4'096;

}  // namespace

bool StreamClient::take(const StreamPiece& piece, std::uint64_t newest_seq, Clock::time_point now) {
  after = std::max(after, piece.through);
  if (after >= newest_seq) {
    behind_since.reset();
  } else if (!behind_since) {
    behind_since = now;
  }
  return piece.chunk == nullptr || connection.send(piece.chunk, now);
}

bool StreamClient::beat(std::uint64_t newest_seq, milliseconds every, Clock::time_point now) {
  if (now < next_beat) return true;
  next_beat = now + every;
  std::string text;
  append_heartbeat_frame(
      text, newest_seq,
      behind_since ? duration_cast<milliseconds>(now - *behind_since).count() : 0);
  return connection.send(std::make_shared<SharedChunk>(text), now);
}

bool StreamClient::hear(const StreamNews& news, Clock::time_point now) {
  while (told < news.count() && connection.idle()) {
    const auto chunk = news.next(told);
    if (chunk != nullptr && !connection.send(chunk, now)) return false;
  }
  return true;
}

void StreamNews::add(std::string_view event, std::string_view data) {
  std::string text = "event: ";
  text += event;
  text += "\ndata: ";
  text += data;
  auto chunk = std::make_shared<SharedChunk>(text + "\n\n");
  const std::lock_guard lock(mutex_);
  kept_.push_back(std::move(chunk));
  if (kept_.size() > kMost) kept_.pop_front();
  ++count_;
}

std::shared_ptr<const SharedChunk> StreamNews::next(std::uint64_t& told) const {
  const std::lock_guard lock(mutex_);
  const std::uint64_t gone = count_ - kept_.size();
  told = std::max(told, gone);
  return told < count_ ? kept_[static_cast<std::size_t>(told++ - gone)] : nullptr;
}

void StreamInbox::put(std::unique_ptr<StreamClient> client) {
  {
    const std::lock_guard lock(mutex_);
    arrived_.push_back(std::move(client));
  }
  changed_.notify_one();
}

bool StreamInbox::take(StreamClients& clients) {
  std::unique_lock lock(mutex_);
  if (clients.empty()) {
    changed_.wait(lock, [this] { return stopping_ || !arrived_.empty(); });
  }
  std::move(arrived_.begin(), arrived_.end(), std::back_inserter(clients));
  arrived_.clear();
  return !stopping_;
}

void StreamInbox::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
}

void PieceMemo::remember(const Key& key, const StreamPiece& piece) {
  if (bytes_ >= kMostMemoBytes || pieces_.size() >= kMostMemoPieces) clear();
  pieces_.emplace(key, piece);
  bytes_ += piece.chunk ? piece.chunk->framed().size() : 0;
}

void PieceMemo::clear() {
  pieces_.clear();
  bytes_ = 0;
}

}  // namespace blockwatch
