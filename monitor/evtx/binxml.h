#pragma once
// The token stream of binary XML ([MS-EVEN6] 2.2.12, with the differences of files: FORMAT.md).
// One walker serves both readers of it: the template compiler and the general record reader.

#include <cstdint>
#include <string_view>

#include "monitor/evtx/bytes.h"
#include "monitor/evtx/value.h"

namespace blockwatch::evtx {

inline constexpr unsigned kMaxDepth = 64;    // open elements, nested fragments included
inline constexpr unsigned kMaxNesting = 16;  // templates and values inside each other
inline constexpr std::uint32_t kTokensPerChunk = 1'000'000;  // real chunks need below 50,000
inline constexpr std::uint32_t kMaxValues = 8192;            // of one template instance

// Why a stream could not be read. `what` is static text; nullptr: no fault.
struct Fault {
  const char* what = nullptr;
};

// A name of the chunk's string table: UTF-16LE, not terminated.
struct Name {
  const std::uint8_t* units = nullptr;
  std::uint16_t count = 0;
  // Where in the chunk the walker found the name's offset; 0: it had to try two places.
  std::uint32_t reference = 0;

  bool is(std::string_view ascii) const noexcept {
    if (ascii.size() != count) return false;
    for (std::size_t i = 0; i < ascii.size(); ++i) {
      if (units[2 * i] != static_cast<std::uint8_t>(ascii[i]) || units[2 * i + 1] != 0)
        return false;
    }
    return true;
  }
};

// A template definition: 24 bytes of head (next, GUID, size), then a fragment.
struct TemplateDefinition {
  std::uint32_t body = 0;  // offsets in the chunk
  std::uint32_t end = 0;
};

// The values of one template instance: `count` descriptors (size, type) and the bytes they
// describe.
struct ValueTable {
  std::uint32_t count = 0;
  std::uint32_t descriptors = 0;  // offset in the chunk
  std::uint32_t values = 0;
  std::uint32_t end = 0;  // where the record may go on; the values fit before it
};

struct TemplateInstance {
  std::uint32_t definition = 0;  // offset in the chunk
  std::uint32_t values = 0;      // where the value table begins
};

// What a chunk's readers share: its bytes, and how much work it may still cause.
struct ChunkContext {
  Bytes bytes;  // the whole chunk
  std::uint32_t tokens_left = kTokensPerChunk;
};

// Reads the head of the instance whose token is at `at`. False: it does not fit before `end`.
bool read_instance(const Bytes& chunk, std::uint32_t at, std::uint32_t end, TemplateInstance& out);
bool read_definition(const Bytes& chunk, std::uint32_t at, TemplateDefinition& out);
// Checks that all values fit before `end`.
bool read_values(const Bytes& chunk, std::uint32_t at, std::uint32_t end, ValueTable& out);
// The same without a look at their sizes: they may reach beyond `end`.
bool find_values(const Bytes& chunk, std::uint32_t at, std::uint32_t end, ValueTable& out);
// Requires index < table.count; walks the descriptors before it.
Value value_at(const Bytes& chunk, const ValueTable& table, std::uint32_t index);
bool read_name(const Bytes& chunk, std::uint32_t at, Name& out);

enum class Walk : std::uint8_t { kDone, kStopped, kBroken };

// Whether element starts carry a dependency identifier: in templates they do.
enum class Where : std::uint8_t { kTemplate, kRecord };

// Calls the visitor for each token of the fragment in [at, end) until its end-of-stream token, the
// end, or a visitor that returns false (kStopped). The visitor has
//   bool open(Name), attribute(Name), start_closed(), close();
//   bool text(const Value&), character(std::uint16_t), entity(Name), instruction(Name);
//   bool substitution(std::uint16_t index);
//   bool instance(const TemplateInstance&, std::uint32_t end, std::uint32_t& next);
// and, when it returns false because of damage, a `fault` that says so.
template <class Visitor>
Walk walk_fragment(ChunkContext& chunk, std::uint32_t at, std::uint32_t end, Where where,
                   Visitor& visitor);

}  // namespace blockwatch::evtx

#include "monitor/evtx/binxml_walk.h"
