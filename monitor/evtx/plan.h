#pragma once
// Templates compiled to plans: which value of an instance is which field of an event.

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/evtx/binxml.h"
#include "monitor/evtx/outline.h"
#include "monitor/winlog/event_fields.h"
#include "storage/text_arena.h"

namespace blockwatch::evtx {

// Where a text of the event comes from.
struct Origin {
  enum class Kind : std::uint8_t { kAbsent, kLiteral, kValue };
  Kind kind = Kind::kAbsent;
  std::uint16_t index = 0;  // kValue: of the instance's values
  Value literal;            // kLiteral: in the plan's copy of the template
};

// The values of one template instance, found once for all fields that need them. Most instances
// have values of the same sizes and types as the one before, hence in the same places.
class InstanceValues {
 public:
  enum class Outcome : std::uint8_t { kRead, kTooMany, kBroken };
  // Finds those before `end`, in the chunk.
  Outcome read(const Bytes& chunk, std::uint32_t at, std::uint32_t end);

  // Null when the origin is absent or names a value that the instance does not have.
  Value of(const Origin& origin) const {
    if (origin.kind == Origin::Kind::kValue && origin.index < table_.count) return at(origin.index);
    return origin.kind == Origin::Kind::kLiteral ? origin.literal : Value{};
  }
  const ValueTable& table() const { return table_; }

  static constexpr std::size_t kMaxPlannedValues = 64;  // our records have at most 37

 private:
  Value at(std::uint32_t index) const {
    const std::uint8_t* const descriptor = descriptors_ + std::size_t{4} * index;
    return {descriptor[2], values_ + offsets_[index], load_u16(descriptor)};
  }
  void find_offsets();

  const std::uint8_t* descriptors_ = nullptr;
  const std::uint8_t* values_ = nullptr;
  ValueTable table_;
  // From values_, and what they were found for: all descriptors but the last, which moves nothing.
  std::array<std::uint32_t, kMaxPlannedValues> offsets_{};
  std::array<std::uint8_t, 4 * (kMaxPlannedValues - 1)> shape_;
  std::size_t shape_size_ = 0;
};

// What the last record with a template held: most of it is the same in the next one.
struct LastRecord {
  std::uint64_t list_number = 0;
  const RawField* raw = nullptr;  // in the list's arena
  Event fields;                   // what they stand for
};

// What a template stands for: a whole record, or the content of <Event>.
enum class Root : std::uint8_t { kRecord, kEventContent };

// What a template says about the events written with it. Holds copies of all that it took from the
// chunk it was compiled in, so that it serves every chunk with the same template.
class Plan {
 public:
  void compile(ChunkContext& chunk, const TemplateDefinition& definition, Root root);
  // Would compile() make the same of this definition? False also when that is not certain.
  bool is_of(const Bytes& chunk, const TemplateDefinition& definition) const;

  // The event id can be found by origin(kEventId), whatever comes behind it.
  bool id_usable() const { return id_usable_; }
  // False: the template does something that a plan cannot say (text in several pieces, nested
  // templates, a field that is not one value of its own); its records take the general reader.
  bool usable() const { return usable_; }
  bool reusable() const { return usable_ && certain_; }
  const Origin& origin(Slot slot) const { return system_[static_cast<std::size_t>(slot)]; }
  const Origin& data() const { return data_; }  // the nested <EventData>

  // The fields in order, when <EventData> stands in here: the instance's values from first_value().
  struct Field {
    winlog::FieldRole role = winlog::FieldRole::kOther;
    // What it was in the last record: see last().
    std::uint32_t descriptor = 0;
    const std::uint8_t* bytes = nullptr;

    Value value() const {
      return {static_cast<std::uint8_t>(descriptor >> 16), bytes, descriptor & 0xFFFF};
    }
  };
  std::span<Field> fields() { return fields_; }
  std::uint32_t first_value() const { return first_value_; }
  // The fields of the last record of the list that has this number, with names in its arena; of
  // a list's first record, one without values.
  LastRecord& last(TextArena& arena, std::uint64_t list_number) {
    if (last_.list_number != list_number) begin_list(arena, list_number);
    return last_;
  }
  // Before the next record, when the last one was not read to its end.
  void forget_last() { last_.list_number = 0; }

 private:
  friend class PlanCompiler;
  void begin_list(TextArena& arena, std::uint64_t list_number);

  // A place in the template where the offset of a name stands, which each chunk has its own of.
  struct NameReference {
    std::uint32_t at = 0;             // in the template
    bool in_place = false;            // the name stands right behind it
    std::vector<std::uint8_t> units;  // else: what the name is
  };

  bool id_usable_ = false;
  bool usable_ = false;
  bool certain_ = false;                     // is_of() can tell
  std::array<Origin, kSystemSlots> system_;  // by Slot
  Origin data_;
  std::vector<Field> fields_;
  std::uint32_t first_value_ = 0;

  std::vector<std::string> names_;
  LastRecord last_;

  std::vector<std::uint8_t> body_;  // the template as it stood in its chunk
  std::vector<NameReference> references_;
};

}  // namespace blockwatch::evtx
