#include "monitor/evtx/chunk.h"

#include <libdeflate.h>

#include <cstring>

namespace blockwatch::evtx {

namespace {

constexpr char kSignature[8] = {'E', 'l', 'f', 'C', 'h', 'n', 'k', '\0'};
constexpr std::uint32_t kNoChecksums = 0x4;  // flag of the chunk header

// Offsets in the chunk header.
enum : std::uint32_t {
  kFirstRecordId = 0x18,
  kLastRecordId = 0x20,
  kFreeOffset = 0x30,
  kDataChecksum = 0x34,
  kFlags = 0x78,
  kHeaderChecksum = 0x7c,
  kTables = 0x80,
};

bool all_zero(Bytes chunk) {
  // Each byte equal to its neighbour, and the first one zero.
  return chunk.u8(0) == 0 && std::memcmp(chunk.at(0), chunk.at(1), chunk.size() - 1) == 0;
}

bool has_signature(Bytes chunk) {
  return std::memcmp(chunk.at(0), kSignature, sizeof kSignature) == 0;
}

bool header_checksum_matches(Bytes chunk) {
  const std::uint32_t of_fields = libdeflate_crc32(0, chunk.at(0), kFlags);
  return libdeflate_crc32(of_fields, chunk.at(kTables), kChunkHeaderSize - kTables) ==
         chunk.u32(kHeaderChecksum);
}

}  // namespace

ChunkKind kind_of_chunk(Bytes chunk) noexcept {
  if (has_signature(chunk)) return ChunkKind::kUsed;
  return all_zero(chunk) ? ChunkKind::kNeverUsed : ChunkKind::kForeign;
}

ChunkHeader read_chunk_header(Bytes chunk) noexcept {
  return {chunk.u64(kFirstRecordId), chunk.u64(kLastRecordId), chunk.u32(kFreeOffset),
          (chunk.u32(kFlags) & kNoChecksums) == 0};
}

bool is_intact_chunk_header(Bytes chunk) noexcept {
  return has_signature(chunk) &&
         (!read_chunk_header(chunk).checksummed || header_checksum_matches(chunk));
}

std::string check_chunk(Bytes chunk, const ChunkHeader& header, bool& walkable) {
  walkable = header.free_offset >= kChunkHeaderSize && header.free_offset <= kChunkSize;
  if (!walkable) {
    return "chunk: free-space offset from 512 to 65536 expected, found " +
           std::to_string(header.free_offset);
  }
  if (!header.checksummed) return {};
  if (!header_checksum_matches(chunk))
    return "chunk: the header's checksum does not match its bytes";
  if (libdeflate_crc32(0, chunk.at(kChunkHeaderSize), header.free_offset - kChunkHeaderSize) !=
      chunk.u32(kDataChecksum))
    return "chunk: the records' checksum does not match their bytes";
  return {};
}

}  // namespace blockwatch::evtx
