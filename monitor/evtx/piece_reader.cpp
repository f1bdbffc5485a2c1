#include "monitor/evtx/piece_reader.h"

#include <algorithm>
#include <array>
#include <string>

namespace blockwatch::evtx {

namespace {

bool all_zero(const std::uint8_t* p, std::size_t n) {
  return std::all_of(p, p + n, [](std::uint8_t byte) { return byte == 0; });
}

}  // namespace

PieceReader::PieceReader(const ByteSource& bytes, const ChunkRange& range,
                         const DecodeOptions& options)
    : bytes_(bytes),
      range_(range),
      options_(options),
      buffer_(std::make_unique_for_overwrite<Buffer>()),
      decoder_(options) {}

Piece PieceReader::read(std::uint64_t number) {
  Piece piece;
  const std::uint64_t begin = range_.begin + number * kPieceSize;
  const std::uint64_t end = std::min(begin + kPieceSize, range_.end);
  decoder_.begin_piece(piece.decoded);
  if (options_.after_record_id == 0) {
    read_span(begin, end, 0, piece);
    return piece;
  }
  for (std::uint64_t at = begin; at < end; at += kChunkSize) {
    const std::uint64_t chunk_end = std::min<std::uint64_t>(at + kChunkSize, end);
    if (const auto last = known_up_to(at)) {
      piece.decoded.report.bytes += chunk_end - at;
      piece.decoded.newest_record_id = std::max(piece.decoded.newest_record_id, *last);
      decoder_.pass_over_known();
    } else if (!read_span(at, chunk_end, static_cast<std::size_t>(at - begin), piece)) {
      break;
    }
  }
  return piece;
}

std::optional<std::uint64_t> PieceReader::known_up_to(std::uint64_t offset) const {
  std::array<std::uint8_t, kChunkHeaderSize> head;
  const auto got = bytes_.read_at(offset, head.data(), head.size());
  if (!got || *got < head.size()) return std::nullopt;
  const Bytes bytes(head.data(), kChunkHeaderSize);
  if (!is_intact_chunk_header(bytes)) return std::nullopt;
  const std::uint64_t last = read_chunk_header(bytes).last_record_id;
  if (last > options_.after_record_id) return std::nullopt;
  return last;
}

bool PieceReader::read_chunks(std::uint64_t offset, std::uint64_t end, std::size_t place,
                              Piece& piece) {
  for (; offset < end; offset += kChunkSize, place += kChunkSize) {
    const std::uint64_t chunk_end = std::min<std::uint64_t>(offset + kChunkSize, end);
    if (!read_span(offset, chunk_end, place, piece)) return false;
  }
  return true;
}

bool PieceReader::read_span(std::uint64_t offset, std::uint64_t end, std::size_t place,
                            Piece& piece) {
  const std::uint64_t wanted = end - offset;
  // Chunks stay where they are in the buffer until the piece is done: texts are found there again,
  // so each span of a piece has a place of its own.
  std::uint8_t* const base = buffer_->bytes.data() + place;
  const auto got = bytes_.read_at(offset, base, static_cast<std::size_t>(wanted));
  // What stands before the place that cannot be read is read all the same.
  if (!got && wanted > kChunkSize) return read_chunks(offset, end, place, piece);
  if (!got) {
    piece.error = got.error();
    return false;
  }
  std::uint64_t at = 0;
  for (; at + kChunkSize <= *got; at += kChunkSize)
    decoder_.decode(Bytes(base + at, kChunkSize), offset + at);
  FileReport& report = piece.decoded.report;
  const auto rest = static_cast<std::uint32_t>(*got - at);
  if (all_zero(base + at, rest)) {
    report.bytes += rest;
  } else {
    std::fill(base + at + rest, base + at + kChunkSize, std::uint8_t{0});
    decoder_.decode_cut(Bytes(base + at, kChunkSize), rest, offset + at);
  }
  if (*got == wanted) return true;
  piece.cut = true;
  report.note(offset + *got, "the file was cut while it was read: " +
                                 std::to_string(range_.end - offset - *got) + " bytes are missing");
  return false;
}

}  // namespace blockwatch::evtx
