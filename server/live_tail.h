#pragma once
// The newest events, read from the store once for all streams that keep up.

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "server/reader_pool.h"
#include "server/stream_frames.h"

namespace blockwatch {

// One thread. Each event is written as JSON once for all questions with the same fields, and each
// question's filter is asked once: pieces are meant to be shared.
class LiveTail {
 public:
  // Forgets everything and goes on after `seq`.
  void start(std::uint64_t seq);

  // `raw` values are read with the events from now on; what was read without is forgotten.
  void want_raw();

  // Reads the events up to `newest`, and those that came meanwhile. When there are too many of
  // them, or retention was there first, it starts again at `newest`.
  Result<void> read_to(std::uint64_t newest, ReaderPool& readers);

  // The events above `seq` are here, as far as they have been read.
  bool covers(std::uint64_t seq) const { return seq >= after_; }
  std::uint64_t through() const { return through_; }

  // Requires covers(after) and after < through().
  StreamPiece piece(const StreamQuestion& question, std::uint64_t after);

 private:
  // The frames of a block's events, made when they are first wanted.
  struct Frames {
    struct Place {
      std::size_t begin = 0;
      std::size_t end = 0;  // 0: not made
    };
    EventFields fields;
    std::string text;
    std::vector<Place> places;  // as the block's events
  };
  // What one question to the store has given.
  struct Block {
    EventList list;
    std::vector<CoverageFact> facts;
    std::uint64_t through = 0;
    std::deque<Frames> frames;  // one for each set of fields

    std::string_view frame(Frames& of, std::size_t index);
  };
  static Frames& frames_of(Block& block, const EventFields& fields);

  std::deque<Block> blocks_;
  std::uint64_t after_ = 0;    // the first block begins behind it
  std::uint64_t through_ = 0;  // the last block ends with it
  std::size_t events_ = 0;     // in all blocks
  bool raw_ = false;
};

}  // namespace blockwatch
