#pragma once
// The general reader: takes any record, template or not, by expanding its BinXML token by token.

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "monitor/evtx/binxml.h"
#include "monitor/evtx/outline.h"

namespace blockwatch::evtx {

class RecordReader {
 public:
  struct Field {
    std::string name;
    std::string value;
  };
  enum class Outcome : std::uint8_t {
    kRead,     // the accessors below tell what the record holds
    kSkipped,  // its event id is not wanted (or it has none); nothing else was read
    kBroken,   // fault() tells why
  };

  // Is an event with this id worth reading on?
  using WantsFn = bool (*)(const void* context, std::uint32_t event_id);
  RecordReader(WantsFn wants, const void* context) : wants_(wants), context_(context) {}

  // Reads the fragment of one record, which ends before `end`.
  Outcome read(ChunkContext& chunk, std::uint32_t at, std::uint32_t end);
  const char* fault_text() const { return fault.what; }

  // Of the record last read; valid until the next one.
  std::uint32_t event_id() const { return event_id_; }
  std::string_view text(Slot slot) const { return place(slot).text; }
  std::optional<std::uint64_t> number(Slot slot) const;
  std::optional<std::uint64_t> filetime(Slot slot) const;
  std::span<const Field> fields() const { return {fields_.data(), field_count_}; }

  // Visitor of walk_fragment.
  Fault fault;
  bool open(const Name& name);
  bool attribute(const Name& name);
  bool start_closed();
  bool close();
  bool text(const Value& value);
  bool character(std::uint16_t unit);
  bool entity(const Name& name);
  bool instruction(const Name&) { return true; }
  bool substitution(std::uint16_t index);
  bool instance(const TemplateInstance& instance, std::uint32_t end, std::uint32_t& next);

 private:
  // A System item; the typed value is kept as long as it is the only piece.
  struct Item {
    std::string text;
    Value only;
    unsigned pieces = 0;
  };

  const Item& place(Slot slot) const { return items_[static_cast<std::size_t>(slot)]; }
  bool walk(std::uint32_t at, std::uint32_t end, Where where);
  bool broken(const char* what);
  bool append(std::string_view utf8, const Value* value);
  bool append(const Value& value);

  WantsFn wants_;
  const void* context_;
  ChunkContext* chunk_ = nullptr;
  const ValueTable* values_ = nullptr;  // of the template being expanded
  unsigned nesting_ = 0;
  Outline outline_;
  std::array<Item, kSystemSlots> items_;
  std::vector<Field> fields_;  // the first field_count_; the rest is kept for its memory
  std::size_t field_count_ = 0;
  std::size_t text_left_ = 0;
  std::uint32_t event_id_ = 0;
  bool skipped_ = false;
  std::string scratch_;
};

}  // namespace blockwatch::evtx
