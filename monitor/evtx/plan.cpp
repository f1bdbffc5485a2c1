#include "monitor/evtx/plan.h"

#include <algorithm>
#include <cstring>

#include "monitor/evtx/utf16.h"

namespace blockwatch::evtx {

namespace {

constexpr std::uint32_t kNameLink = 4;  // the first part of a name: where another one stands

bool equal(const std::uint8_t* a, const std::uint8_t* b, std::size_t n) {
  return n == 0 || std::memcmp(a, b, n) == 0;
}

std::string utf8(const std::uint8_t* units, std::size_t count) {
  std::string text(kMaxUtf8PerUnit * count, '\0');
  text.resize(static_cast<std::size_t>(utf16_to_utf8(units, count, text.data()) - text.data()));
  return text;
}

}  // namespace

// Compiles one template: a visitor of walk_fragment.
class PlanCompiler {
 public:
  Fault fault;

  PlanCompiler(Plan& plan, const Bytes& chunk, const TemplateDefinition& definition)
      : plan_(plan), chunk_(chunk), definition_(definition) {}

  void run(ChunkContext& chunk, Root root) {
    if (root == Root::kEventContent) outline_.enter_event();
    const Walk walk =
        walk_fragment(chunk, definition_.body, definition_.end, Where::kTemplate, *this);
    plan_.usable_ = walk != Walk::kBroken && !beyond_plans_ && add_fields();
    plan_.id_usable_ = plan_.usable_ || id_closed_;
  }

  bool open(const Name& name) {
    note(name);
    if (!outline_.open(name)) {
      const bool inside_field = outline_.in_data() && outline_.depth() > 3;
      return inside_field ? beyond_plans() : true;
    }
    if (fields_.size() == InstanceValues::kMaxPlannedValues) return beyond_plans();
    plan_.names_.push_back(outline_.named_by_attribute() ? std::string{}
                                                         : utf8(name.units, name.count));
    fields_.emplace_back();
    return true;
  }
  bool attribute(const Name& name) {
    note(name);
    outline_.attribute(name);
    return true;
  }
  bool start_closed() {
    outline_.start_closed();
    return true;
  }
  bool close() {
    id_closed_ |= outline_.close();
    return true;
  }

  bool text(const Value& value) {
    if (outline_.slot() == Slot::kData) return true;  // white space between elements
    if (outline_.slot() == Slot::kFieldName) {
      std::string& name = plan_.names_.back();
      if (!name.empty() || !value.is(ValueType::kString)) return beyond_plans();
      name = utf8(value.bytes, without_terminator(value.bytes, value.size / 2));
      return true;
    }
    // Literals stand in the template, hence in the plan's copy of it.
    const std::uint8_t* const kept = plan_.body_.data() + (value.bytes - body_in_chunk());

    return put({Origin::Kind::kLiteral, 0, {value.type, kept, value.size}});
  }
  bool substitution(std::uint16_t index) {
    if (outline_.slot() == Slot::kFieldName) return beyond_plans();

    return put({Origin::Kind::kValue, index, {}});
  }
  bool character(std::uint16_t) { return outline_.slot() == Slot::kNone || beyond_plans(); }
  bool entity(const Name& name) {
    note(name);
    return outline_.slot() == Slot::kNone || beyond_plans();
  }
  bool instruction(const Name& name) {
    note(name);
    return true;
  }
  bool instance(const TemplateInstance&, std::uint32_t, std::uint32_t&) { return beyond_plans(); }

 private:
  const std::uint8_t* body_in_chunk() const { return chunk_.at(definition_.body); }

  void note(const Name& name) {
    if (name.reference == 0) {
      plan_.certain_ = false;
      return;
    }
    Plan::NameReference reference{
        name.reference - definition_.body, chunk_.u32(name.reference) == name.reference + 4, {}};
    if (!reference.in_place) {
      reference.units.assign(name.units, name.units + std::size_t{2} * name.count);
    }
    plan_.references_.push_back(std::move(reference));
  }

  // False: there is a field that is not the value behind that of the field before it, or there are
  // two that mean the same.
  bool add_fields() {
    std::uint32_t roles = 0;  // a bit for each
    for (std::size_t i = 0; i < fields_.size(); ++i) {
      const auto [kind, index, literal] = fields_[i];
      if (i == 0) plan_.first_value_ = index;
      if (kind != Origin::Kind::kValue || index != plan_.first_value_ + i) return false;
      const winlog::FieldRole role = winlog::role_of(plan_.names_[i]);
      const std::uint32_t bit = 1U << static_cast<unsigned>(role);
      if (role != winlog::FieldRole::kOther && (roles & bit) != 0) return false;
      roles |= bit;
      plan_.fields_.push_back({role});
    }
    return true;
  }

  bool put(const Origin& origin) {
    Origin* place = place_of(outline_.slot());
    if (place == nullptr) return true;
    if (place->kind != Origin::Kind::kAbsent) return beyond_plans();
    *place = origin;
    return true;
  }

  Origin* place_of(Slot slot) {
    switch (slot) {
      case Slot::kNone:
        return nullptr;
      case Slot::kData:
        return &plan_.data_;
      case Slot::kFieldName:
      case Slot::kFieldValue:
        return &fields_.back();
      default:
        return &plan_.system_[static_cast<std::size_t>(slot)];
    }
  }

  bool beyond_plans() {
    beyond_plans_ = true;
    return false;
  }

  Plan& plan_;
  const Bytes chunk_;
  const TemplateDefinition definition_;
  Outline outline_;
  bool beyond_plans_ = false;
  bool id_closed_ = false;
  std::vector<Origin> fields_;
};

void Plan::compile(ChunkContext& chunk, const TemplateDefinition& definition, Root root) {
  *this = {};
  certain_ = true;
  body_.assign(chunk.bytes.at(definition.body), chunk.bytes.at(definition.end));
  PlanCompiler(*this, chunk.bytes, definition).run(chunk, root);
}

bool Plan::is_of(const Bytes& chunk, const TemplateDefinition& definition) const {
  if (definition.end - definition.body != body_.size()) return false;
  const std::uint8_t* const theirs = chunk.at(definition.body);
  std::uint32_t at = 0;  // all before this is the same
  for (const NameReference& reference : references_) {
    if (!equal(theirs + at, body_.data() + at, reference.at - at)) return false;
    const std::uint32_t behind = definition.body + reference.at + 4;
    const std::uint32_t place = load_u32(theirs + reference.at);
    if ((place == behind) != reference.in_place) return false;
    at = reference.at + 4;
    if (reference.in_place) {
      at += kNameLink;  // the rest of the name is compared as bytes
      continue;
    }
    Name name;
    if (!read_name(chunk, place, name) || std::size_t{2} * name.count != reference.units.size() ||
        !equal(name.units, reference.units.data(), reference.units.size()))
      return false;
  }
  return equal(theirs + at, body_.data() + at, body_.size() - at);
}

void Plan::begin_list(TextArena& arena, std::uint64_t list_number) {
  last_.list_number = list_number;
  for (Field& field : fields_) field.descriptor = 0;
  const std::span<RawField> raw = arena.array<RawField>(names_.size());
  for (std::size_t i = 0; i < raw.size(); ++i) raw[i] = {arena.copy(names_[i]), {}};
  last_.raw = raw.data();
  last_.fields = {};
}

InstanceValues::Outcome InstanceValues::read(const Bytes& chunk, std::uint32_t at,
                                             std::uint32_t end) {
  if (end > chunk.size() || end < at || end - at < 4) return Outcome::kBroken;
  const std::uint32_t count = chunk.u32(at);
  if (count > kMaxPlannedValues)
    return read_values(chunk, at, end, table_) ? Outcome::kTooMany : Outcome::kBroken;
  const std::uint32_t values = at + 4 + 4 * count;
  if (values > end) return Outcome::kBroken;
  descriptors_ = chunk.at(at + 4);
  values_ = chunk.at(values);
  table_ = {count, at + 4, values, values};
  if (count == 0) return Outcome::kRead;
  const std::size_t shape_size = std::size_t{4} * (count - 1);
  if (shape_size != shape_size_ || !equal(descriptors_, shape_.data(), shape_size)) {
    shape_size_ = shape_size;
    find_offsets();
  }
  table_.end += offsets_[count - 1] + load_u16(descriptors_ + shape_size);
  return table_.end <= end ? Outcome::kRead : Outcome::kBroken;
}

void InstanceValues::find_offsets() {
  std::copy_n(descriptors_, shape_size_, shape_.data());
  for (std::size_t i = 0; 4 * i < shape_size_; ++i)
    offsets_[i + 1] = offsets_[i] + load_u16(descriptors_ + 4 * i);
}

}  // namespace blockwatch::evtx
