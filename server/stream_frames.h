#pragma once
// What a stream of events is made of: frames of text/event-stream, and pieces of them that many
// clients share.

#include <cstdint>
#include <memory>
#include <string>

#include "server/event_json.h"
#include "server/live_connection.h"
#include "storage/event_store.h"
#include "storage/query.h"

namespace blockwatch {

// What a client wants to see; clients with equal questions are sent the same bytes.
struct StreamQuestion {
  Filter filter;
  EventFields fields;
  bool raw = false;

  friend bool operator==(const StreamQuestion&, const StreamQuestion&) = default;
};

// What a question's answer goes on with after some seq.
struct StreamPiece {
  std::shared_ptr<const SharedChunk> chunk;  // null: nothing matched
  std::uint64_t through = 0;                 // where the next piece begins
};

// A piece ends soon after this many bytes: what a client that takes nothing holds in memory.
inline constexpr std::size_t kStreamPieceBytes = std::size_t{64} * 1024;

void append_event_frame(std::string& out, const Event& event, const EventFields& fields);
// What a source missed. Without an id: a client that comes again is told again.
void append_fact_frame(std::string& out, const CoverageFact& fact);
void append_heartbeat_frame(std::string& out, std::uint64_t newest_seq, std::int64_t lag_ms);

// The first bytes of every stream.
std::string_view stream_beginning();

// The next piece from the store: a few events and the gap before them, if there is one.
Result<StreamPiece> read_piece(StoreReader& reader, const StreamQuestion& question,
                               std::uint64_t after);

}  // namespace blockwatch
