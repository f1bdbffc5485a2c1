#pragma once
// How far net events were read. They have no number: the position is a time, and what was read
// last.

#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "storage/timestamp.h"

namespace blockwatch {

struct NetEventPosition {
  // Events come in nearly the order in which they happened; none comes later than this.
  static constexpr std::int64_t kDisorder = 5 * Timestamp::kTicksPerSecond;
  // Older ones within that time are told apart by the store, by their content.
  static constexpr std::size_t kMostKept = 32;

  // Until then all that happened was delivered. 0: never; what happened before is nobody's loss.
  Timestamp listened;
  Timestamp newest;                // event that was read
  std::uint64_t ignored = 0;       // events since ever that tell of no drop
  std::deque<std::uint64_t> read;  // fingerprints of what was read last

  // Was it read? Never true of one that was not, if it comes from what the engine holds.
  bool has_read(Timestamp time, std::uint64_t fingerprint) const;
  void add(Timestamp time, std::uint64_t fingerprint);
};

std::string to_text(const NetEventPosition& position);
// nullopt for anything else than what to_text() makes.
std::optional<NetEventPosition> parse_netevent_position(const std::string& text);

}  // namespace blockwatch
