#pragma once
// The 64 KiB chunks that a log is made of: header, checksums, and the walk from record to record.

#include <cstdint>
#include <span>
#include <string>

#include "monitor/evtx/bytes.h"

namespace blockwatch::evtx {

inline constexpr std::uint32_t kChunkSize = 65536;
inline constexpr std::uint32_t kChunkHeaderSize = 512;  // with string and template tables
inline constexpr std::uint32_t kRecordHeaderSize = 24;  // signature, size, id, time
// Header, the smallest fragment's four bytes rounded down, and the trailing copy of the size.
inline constexpr std::uint32_t kMinRecordSize = kRecordHeaderSize + 4;

struct ChunkHeader {
  std::uint64_t first_record_id = 0;
  std::uint64_t last_record_id = 0;  // all ones in a chunk without records
  std::uint32_t free_offset = 0;     // the first byte behind the last record; all behind is slack
  bool checksummed = true;           // some writers leave the checksums out, and say so
};

enum class ChunkKind : std::uint8_t { kUsed, kNeverUsed, kForeign };

// By the signature; without one, a chunk of zeros has never been used. Requires a whole chunk.
ChunkKind kind_of_chunk(Bytes chunk) noexcept;

// Requires kChunkHeaderSize bytes.
ChunkHeader read_chunk_header(Bytes chunk) noexcept;

// Signature and checksum (if there is one) are right. Requires kChunkHeaderSize bytes.
bool is_intact_chunk_header(Bytes chunk) noexcept;

// What is wrong with the chunk, as one sentence; empty when all checks pass. Requires a whole
// chunk. `walkable` tells whether its records can be tried all the same.
std::string check_chunk(Bytes chunk, const ChunkHeader& header, bool& walkable);

struct RecordHeader {
  std::uint32_t size = 0;  // whole, with header and trailing copy
  std::uint64_t id = 0;
  std::uint64_t filetime = 0;
};

// Requires kMinRecordSize bytes before `end`. False: no record can stand here.
inline bool read_record_header(Bytes chunk, std::uint32_t at, std::uint32_t end,
                               RecordHeader& out) noexcept {
  constexpr std::uint32_t kSignature = 0x00002a2a;
  if (chunk.u32(at) != kSignature) return false;
  out.size = chunk.u32(at + 4);
  if (out.size < kMinRecordSize || out.size > end - at) return false;
  out.id = chunk.u64(at + 8);
  out.filetime = chunk.u64(at + 16);
  return true;
}

}  // namespace blockwatch::evtx
