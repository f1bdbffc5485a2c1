#pragma once
// Reads a log piece by piece: a few neighbouring chunks with one read, decoded at once.

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "monitor/evtx/decoder.h"
#include "monitor/evtx/reader.h"

namespace blockwatch::evtx {

// Enough that the calls cost little, few enough that the chunks and the events made of them stay in
// the processor's cache.
inline constexpr std::uint64_t kPieceChunks = 6;
inline constexpr std::uint64_t kPieceSize = kPieceChunks * kChunkSize;

// The part of the file that chunks can be in, as long as the file was when reading began.
struct ChunkRange {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::uint64_t pieces() const {
    return begin < end ? (end - begin + kPieceSize - 1) / kPieceSize : 0;
  }
};

struct Piece {
  DecodedPiece decoded;
  std::optional<Error> error;  // the read failed; what was read before it is in `decoded`
  bool cut = false;            // the file is shorter than it was: nothing comes after this piece
};

// One thread; several readers may share the ByteSource.
class PieceReader {
 public:
  // All three outlive the reader.
  PieceReader(const ByteSource& bytes, const ChunkRange& range, const DecodeOptions& options);

  Piece read(std::uint64_t number);

 private:
  // Reads [offset, end) to `place` in the buffer and decodes the whole chunks in it. False: the
  // piece ends here.
  bool read_span(std::uint64_t offset, std::uint64_t end, std::size_t place, Piece& piece);
  // The same, chunk by chunk.
  bool read_chunks(std::uint64_t offset, std::uint64_t end, std::size_t place, Piece& piece);
  // The last record id of a chunk that holds nothing after after_record_id, by a header that can be
  // trusted; none: the chunk must be read.
  std::optional<std::uint64_t> known_up_to(std::uint64_t offset) const;

  // Aligned, because systems copy to other addresses at two thirds of the speed.
  struct Buffer {
    alignas(64) std::array<std::uint8_t, kPieceSize> bytes;
  };

  const ByteSource& bytes_;
  const ChunkRange& range_;
  const DecodeOptions& options_;
  std::unique_ptr<Buffer> buffer_;
  ChunkDecoder decoder_;
};

}  // namespace blockwatch::evtx
