#include "server/live_tail.h"

#include <algorithm>
#include <utility>

namespace blockwatch {
namespace {

// Kept for clients that are a moment late. Whoever is later reads the store.
constexpr std::size_t kKeptEvents = 1'024;
// More than this at once, as an import brings them, are left to those reads: they can skip what a
// client does not want.
constexpr std::uint64_t kMostAtOnce = 4'096;
constexpr std::uint32_t kEventsPerRead = 512;

}  // namespace

void LiveTail::start(std::uint64_t seq) {
  blocks_.clear();
  events_ = 0;
  after_ = through_ = seq;
  raw_ = false;
}

void LiveTail::want_raw() {
  if (raw_) return;
  start(through_);
  raw_ = true;
}

Result<void> LiveTail::read_to(std::uint64_t newest, ReaderPool& readers) {
  const auto skip_to = [this](std::uint64_t seq) {
    const bool raw = raw_;
    start(seq);
    raw_ = raw;
  };
  if (newest > through_ + kMostAtOnce) skip_to(newest);
  while (through_ < newest) {
    auto reader = readers.borrow();
    if (!reader) return tl::unexpected(reader.error());
    auto tail = (*reader)->tail({{}, through_, kEventsPerRead, raw_});
    if (!tail) return tl::unexpected(tail.error());
    if (tail->gap_through > through_) {
      skip_to(std::max(newest, tail->gap_through));
      break;
    }
    // A signal ahead of the store: the next commit brings both together.
    if (tail->covered_seq <= through_) break;
    through_ = tail->covered_seq;
    events_ += tail->list.events.size();
    blocks_.push_back({std::move(tail->list), std::move(tail->facts), through_, {}});
  }
  while (blocks_.size() > 1 && events_ - blocks_.front().list.events.size() >= kKeptEvents) {
    events_ -= blocks_.front().list.events.size();
    after_ = blocks_.front().through;
    blocks_.pop_front();
  }
  return {};
}

StreamPiece LiveTail::piece(const StreamQuestion& question, std::uint64_t after) {
  std::string text;
  StreamPiece piece;
  piece.through = after;
  const bool takes_all = question.filter == Filter{};
  for (Block& block : blocks_) {
    if (block.through <= after) continue;
    if (text.size() >= kStreamPieceBytes) break;
    Frames& frames = frames_of(block, question.fields);
    const auto& events = block.list.events;
    const auto first = std::partition_point(events.begin(), events.end(),
                                            [&](const Event& e) { return e.seq <= after; });
    auto fact = std::partition_point(block.facts.begin(), block.facts.end(),
                                     [&](const auto& f) { return f.before_seq <= after; });
    const auto append_facts = [&](std::uint64_t before) {
      for (; fact != block.facts.end() && fact->before_seq <= before; ++fact) {
        append_fact_frame(text, *fact);
      }
    };
    piece.through = block.through;
    for (auto event = first; event != events.end(); ++event) {
      if (text.size() >= kStreamPieceBytes) {
        piece.through = event->seq - 1;
        break;
      }
      append_facts(event->seq);
      if (!takes_all && !matches(question.filter, *event)) continue;
      text += block.frame(frames, static_cast<std::size_t>(event - events.begin()));
    }
    append_facts(piece.through);
  }
  if (!text.empty()) piece.chunk = std::make_shared<SharedChunk>(text);
  return piece;
}

LiveTail::Frames& LiveTail::frames_of(Block& block, const EventFields& fields) {
  const auto found = std::find_if(block.frames.begin(), block.frames.end(),
                                  [&](const Frames& frames) { return frames.fields == fields; });
  if (found != block.frames.end()) return *found;
  block.frames.push_back({fields, {}, std::vector<Frames::Place>(block.list.events.size())});
  return block.frames.back();
}

std::string_view LiveTail::Block::frame(Frames& of, std::size_t index) {
  Frames::Place& place = of.places[index];
  if (place.end == 0) {
    place.begin = of.text.size();
    append_event_frame(of.text, list.events[index], of.fields);
    place.end = of.text.size();
  }
  return std::string_view(of.text).substr(place.begin, place.end - place.begin);
}

}  // namespace blockwatch
