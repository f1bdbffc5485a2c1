#pragma once
// What reading one event file (or one import) found: nothing is skipped without a number here.

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace blockwatch {

struct Damage {
  std::uint64_t offset = 0;  // bytes from the start of the input (text: after decompression)
  std::string what;          // what was expected and what was there
};

struct FileReport {
  std::uint64_t bytes = 0;        // read so far
  std::uint64_t total_bytes = 0;  // of the input; 0 when unknown (stdin)
  std::uint64_t records = 0;      // readable event records of any kind
  std::uint64_t wanted = 0;       // of these, events that the recorded actions ask for
  std::uint64_t damaged = 0;      // records and chunks that could not be read
  std::vector<Damage> damage;     // the first kMaxDamageNotes of them, in file order

  static constexpr std::size_t kMaxDamageNotes = 1000;
  void note(std::uint64_t offset, std::string what) {
    ++damaged;
    if (damage.size() < kMaxDamageNotes) damage.push_back({offset, std::move(what)});
  }
};

}  // namespace blockwatch
