#pragma once
// What the nflog source keeps with its rows. The packets themselves cannot be asked for again.

#include <cstdint>
#include <optional>
#include <string>

#include "storage/timestamp.h"

namespace blockwatch {

struct NflogPosition {
  Timestamp listened;         // until then all that was logged was taken; 0: never
  std::uint64_t folded = 0;   // packets, ever, that are in no row of their own
  std::uint64_t ignored = 0;  // packets, ever, that were not to be recorded
};

std::string to_text(const NflogPosition& position);
// nullopt for anything else than what to_text() makes.
std::optional<NflogPosition> parse_nflog_position(const std::string& text);

}  // namespace blockwatch
