#pragma once
// The header block of an EVTX file.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "storage/result.h"

namespace blockwatch::evtx {

inline constexpr std::size_t kFileHeaderBlock = 4096;

struct FileHeader {
  std::uint32_t block_size = kFileHeaderBlock;  // where the first chunk begins
  std::string damage;  // what is wrong with it although the file can be read; empty: nothing
};

// From the first bytes of the file, as many as there are up to kFileHeaderBlock. Counts and flags
// are not reported: they are stale in every log that was not closed. kInvalidArgument: not EVTX.
Result<FileHeader> parse_file_header(std::span<const std::uint8_t> bytes);

}  // namespace blockwatch::evtx
