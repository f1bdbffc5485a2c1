#pragma once
// Templates compiled to plans: which value of an instance is which field of an event.

#include <array>
#include <cstdint>
#include <deque>
#include <string_view>
#include <vector>

#include "monitor/evtx/binxml.h"
#include "monitor/evtx/outline.h"
#include "monitor/evtx/text_cache.h"
#include "monitor/winlog/event_fields.h"

namespace blockwatch::evtx {

// Where a text of the event comes from.
struct Origin {
  enum class Kind : std::uint8_t { kAbsent, kLiteral, kValue };
  Kind kind = Kind::kAbsent;
  std::uint16_t index = 0;  // kValue: of the instance's values
  Value literal;            // kLiteral: in the chunk
};

// The values of one template instance, found once for all fields that need them.
class InstanceValues {
 public:
  enum class Outcome : std::uint8_t { kRead, kTooMany, kBroken };
  Outcome read(const Bytes& chunk, std::uint32_t at, std::uint32_t end);

  // Null when the origin is absent or names a value that the instance does not have.
  Value of(const Origin& origin) const {
    if (origin.kind == Origin::Kind::kLiteral) return origin.literal;
    if (origin.kind == Origin::Kind::kAbsent || origin.index >= count_) return {};
    return values_[origin.index];
  }

 private:
  static constexpr std::size_t kMaxPlannedValues = 64;  // our records have at most 37
  std::array<Value, kMaxPlannedValues> values_;
  std::uint32_t count_ = 0;
};

// What a template of one chunk says about the events written with it. Text is in the arena that was
// given to PlanCache.
struct Plan {
  enum class Depth : std::uint8_t {
    kEventId,  // compiled as far as <EventID>, which decides for most records
    kAll,
  };

  std::uint32_t definition = 0;
  Depth depth = Depth::kEventId;
  // False: the template does something that a plan cannot say (text in several pieces, nested
  // templates, elements in a field); its records take the general reader.
  bool usable = false;
  std::array<Origin, kSystemSlots> system;  // by Slot
  Origin data;                              // the nested <EventData>
  std::vector<std::string_view> names;      // fields in order, when <EventData> stands in here
  std::vector<winlog::FieldRole> roles;
  std::vector<Origin> values;

  // Which kinds of evidence of the Windows generation were taken from its records; see decoder.cpp.
  std::uint8_t evidence_taken = 0;

  const Origin& origin(Slot slot) const { return system[static_cast<std::size_t>(slot)]; }
};

// The plans of one chunk, made when they are first asked for.
class PlanCache {
 public:
  // What a template stands for: a whole record, or the content of <Event>.
  enum class Root : std::uint8_t { kRecord, kEventContent };

  // Forgets all plans: offsets mean something else in the next chunk.
  void begin_chunk();

  // The plan of the template defined at `definition`, compiled at least to `depth`; null when the
  // chunk holds more templates than kMaxPlans. The pointer is good until begin_chunk().
  Plan* find(ChunkContext& chunk, std::uint32_t definition, Root root, Plan::Depth depth,
             TextCache& texts, TextArena& arena) {
    Plan* const last = last_[static_cast<std::size_t>(root)];
    if (last != nullptr && last->definition == definition && last->depth >= depth) return last;
    return last_[static_cast<std::size_t>(root)] =
               look_up(chunk, definition, root, depth, texts, arena);
  }

 private:
  static constexpr std::size_t kMaxPlans = 256;
  static constexpr std::size_t kSlots = 1024;  // a power of two, at least twice kMaxPlans
  Plan* look_up(ChunkContext& chunk, std::uint32_t definition, Root root, Plan::Depth depth,
                TextCache& texts, TextArena& arena);

  struct Slot {
    std::uint32_t key = 0;
    std::uint32_t generation = 0;
    Plan* plan = nullptr;
  };

  std::array<Plan*, 2> last_{};  // by Root: neighbours are often of one kind
  std::array<Slot, kSlots> slots_{};
  std::uint32_t generation_ = 0;
  std::deque<Plan> plans_;  // reused from chunk to chunk for their memory
  std::size_t used_ = 0;
};

}  // namespace blockwatch::evtx
