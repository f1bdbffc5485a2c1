#pragma once
// Finds the plan for a template, compiling each template once for a log.

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <unordered_map>

#include "monitor/evtx/plan.h"

namespace blockwatch::evtx {

// One thread.
class PlanCache {
 public:
  // A template of the current chunk. Pointers to these are good until begin_chunk().
  struct Entry {
    Plan* plan = nullptr;
    // Which kinds of evidence of the Windows generation its records gave; see decoder.cpp.
    std::uint8_t evidence_taken = 0;
  };

  // Forgets where templates stood: offsets mean something else in the next chunk. Tells whether the
  // literals of some plans are gone.
  enum class Plans : std::uint8_t { kAllKept, kSomeDropped };
  Plans begin_chunk();

  // The plan of the template defined at `definition`; null when it does not fit into the chunk or
  // the chunk holds more than kMaxTemplates.
  Entry* find(ChunkContext& chunk, std::uint32_t definition, Root root) {
    if (definition >= chunk.bytes.size()) return nullptr;
    const std::uint32_t key = definition << 1 | (root == Root::kEventContent ? 1U : 0U);
    for (std::size_t at = key * 0x9E3779B1U >> (32 - kSlotBits);; at = (at + 1) % slots_.size()) {
      Slot& slot = slots_[at];
      if (slot.generation != generation_) return add(slot, key, chunk, definition, root);
      if (slot.key == key) return slot.entry.plan != nullptr ? &slot.entry : nullptr;
    }
  }

 private:
  static constexpr std::size_t kMaxTemplates = 256;  // of one chunk; real ones have below 100
  static constexpr unsigned kSlotBits = 10;
  static_assert(2 * kMaxTemplates <= 1U << kSlotBits, "a free slot must be found soon");
  // Kept from chunk to chunk. A template has a variant for each set of names that stand in it,
  // which depends on what else is in the chunk.
  static constexpr std::size_t kMaxKept = 1024;
  static constexpr std::size_t kMaxVariants = 16;

  struct Slot {
    std::uint32_t key = 0;
    std::uint32_t generation = 0;
    Entry entry;
  };

  Entry* add(Slot& slot, std::uint32_t key, ChunkContext& chunk, std::uint32_t definition,
             Root root);
  Plan* plan_for(ChunkContext& chunk, std::uint32_t definition, Root root);

  std::array<Slot, std::size_t{1} << kSlotBits> slots_{};
  std::uint32_t generation_ = 0;
  std::size_t used_ = 0;
  std::unordered_multimap<std::uint64_t, std::unique_ptr<Plan>> kept_;
  std::deque<Plan> others_;  // of this chunk, not worth keeping
};

}  // namespace blockwatch::evtx
