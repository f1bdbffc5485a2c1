#include "server/stream_frames.h"

#include <algorithm>

#include "server/coverage_json.h"
#include "storage/words.h"

namespace blockwatch {
namespace {

// A power of two: see read_piece().
constexpr std::uint32_t kEventsPerRead = 64;

void append_gap_frame(std::string& out, std::uint64_t from, std::uint64_t to) {
  const std::string last = std::to_string(to);
  out += "id: " + last + "\nevent: gap\ndata: {\"from_seq\":" + std::to_string(from) +
         ",\"to_seq\":" + last + "}\n\n";
}

}  // namespace

void append_event_frame(std::string& out, const Event& event, const EventFields& fields) {
  out += "id: ";
  out += std::to_string(event.seq);
  out += "\nevent: ";
  out += to_word(action_of(event.event_id));
  out += "\ndata: ";
  append_json(out, event, fields);
  out += "\n\n";
}

void append_fact_frame(std::string& out, const CoverageFact& fact) {
  out += "event: gap\ndata: ";
  append_json(out, fact);
  out += "\n\n";
}

void append_heartbeat_frame(std::string& out, std::uint64_t newest_seq, std::int64_t lag_ms) {
  out += ": still here\n\nevent: heartbeat\ndata: {\"newest_seq\":" + std::to_string(newest_seq) +
         ",\"lag_ms\":" + std::to_string(lag_ms) + "}\n\n";
}

std::string_view stream_beginning() { return "retry: 3000\n\n"; }

Result<StreamPiece> read_piece(StoreReader& reader, const StreamQuestion& question,
                               std::uint64_t after) {
  auto tail = reader.tail({question.filter, after, kEventsPerRead, question.raw});
  if (!tail) return tl::unexpected(tail.error());
  std::uint64_t through = std::max({after, tail->covered_seq, tail->gap_through});
  if (tail->list.events.size() == kEventsPerRead) {
    // Clients that are behind at different places meet at multiples of the step, and from there on
    // they share what is read.
    const std::uint64_t common = through / kEventsPerRead * kEventsPerRead;
    if (common >= tail->list.events.front().seq) through = common;
  }
  std::string text;
  if (tail->gap_through > after) append_gap_frame(text, after + 1, tail->gap_through);
  auto fact = tail->facts.begin();
  const auto append_facts = [&](std::uint64_t before) {
    for (; fact != tail->facts.end() && fact->before_seq <= before; ++fact) {
      append_fact_frame(text, *fact);
    }
  };
  for (const Event& event : tail->list.events) {
    if (event.seq > through) break;
    if (text.size() >= kStreamPieceBytes) {
      through = event.seq - 1;
      break;
    }
    append_facts(event.seq);
    append_event_frame(text, event, question.fields);
  }
  append_facts(through);
  StreamPiece piece;
  piece.through = through;
  if (!text.empty()) piece.chunk = std::make_shared<SharedChunk>(text);
  return piece;
}

}  // namespace blockwatch
