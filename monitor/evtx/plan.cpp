#include "monitor/evtx/plan.h"

namespace blockwatch::evtx {

namespace {

constexpr std::size_t kMaxFields = 256;

// Compiles one template: a visitor of walk_fragment.
class PlanCompiler {
 public:
  Fault fault;

  PlanCompiler(Plan& plan, TextCache& texts, TextArena& arena)
      : plan_(plan), texts_(texts), arena_(arena) {}

  void run(ChunkContext& chunk, const TemplateDefinition& definition, PlanCache::Root root) {
    plan_.system.fill({});
    plan_.data = {};
    plan_.names.clear();
    plan_.roles.clear();
    plan_.values.clear();
    if (root == PlanCache::Root::kEventContent) outline_.enter_event();
    const Walk walk =
        walk_fragment(chunk, definition.body, definition.end, Where::kTemplate, *this);
    plan_.usable = walk != Walk::kBroken && !beyond_plans_;
    for (std::string_view name : plan_.names) plan_.roles.push_back(winlog::role_of(name));
  }

  bool open(const Name& name) {
    if (!outline_.open(name)) {
      const bool inside_field = outline_.in_data() && outline_.depth() > 3;
      return inside_field ? beyond_plans() : true;
    }
    if (plan_.names.size() == kMaxFields) return beyond_plans();
    plan_.names.push_back(outline_.named_by_attribute() ? std::string_view{} : text_of(name));
    plan_.values.emplace_back();
    return true;
  }
  bool attribute(const Name& name) {
    outline_.attribute(name);
    return true;
  }
  bool start_closed() {
    outline_.start_closed();
    return true;
  }
  bool close() { return !(outline_.close() && plan_.depth == Plan::Depth::kEventId); }

  bool text(const Value& value) {
    if (outline_.slot() == Slot::kData) return true;  // white space between elements
    if (outline_.slot() == Slot::kFieldName) {
      if (!plan_.names.back().empty() || !value.is(ValueType::kString)) return beyond_plans();
      plan_.names.back() = texts_.utf8(value.bytes, value.size, arena_);
      return true;
    }
    return put({Origin::Kind::kLiteral, 0, value});
  }
  bool substitution(std::uint16_t index) {
    if (outline_.slot() == Slot::kFieldName) return beyond_plans();
    return put({Origin::Kind::kValue, index, {}});
  }
  bool character(std::uint16_t) { return outline_.slot() == Slot::kNone || beyond_plans(); }
  bool entity(const Name&) { return outline_.slot() == Slot::kNone || beyond_plans(); }
  bool instance(const TemplateInstance&, std::uint32_t, std::uint32_t&) { return beyond_plans(); }

 private:
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
        return &plan_.data;
      case Slot::kFieldName:
      case Slot::kFieldValue:
        return &plan_.values.back();
      default:
        return &plan_.system[static_cast<std::size_t>(slot)];
    }
  }

  std::string_view text_of(const Name& name) {
    return texts_.utf8(name.units, 2U * name.count, arena_);
  }

  bool beyond_plans() {
    beyond_plans_ = true;
    return false;
  }

  Plan& plan_;
  TextCache& texts_;
  TextArena& arena_;
  Outline outline_;
  bool beyond_plans_ = false;
};

}  // namespace

InstanceValues::Outcome InstanceValues::read(const Bytes& chunk, std::uint32_t at,
                                             std::uint32_t end) {
  ValueTable table;
  if (!read_values(chunk, at, end, table)) return Outcome::kBroken;
  if (table.count > kMaxPlannedValues) return Outcome::kTooMany;
  const std::uint8_t* descriptor = chunk.at(table.descriptors);
  const std::uint8_t* bytes = chunk.at(table.values);
  for (std::uint32_t i = 0; i < table.count; ++i, descriptor += 4) {
    const std::uint32_t size = load_u16(descriptor);
    values_[i] = {descriptor[2], bytes, size};
    bytes += size;
  }
  count_ = table.count;
  return Outcome::kRead;
}

void PlanCache::begin_chunk() {
  ++generation_;
  used_ = 0;
  last_ = {};
}

Plan* PlanCache::look_up(ChunkContext& chunk, std::uint32_t definition, Root root,
                         Plan::Depth depth, TextCache& texts, TextArena& arena) {
  const std::uint32_t key = definition << 1 | (root == Root::kEventContent ? 1U : 0U);
  std::size_t at = key * 0x9E3779B1U >> 22;
  static_assert(kSlots == 1U << 10);
  while (slots_[at].generation == generation_ && slots_[at].key != key) at = (at + 1) % kSlots;
  Slot& slot = slots_[at];
  if (slot.generation != generation_) {
    if (used_ == kMaxPlans) return nullptr;
    if (used_ == plans_.size()) plans_.emplace_back();
    slot = {key, generation_, &plans_[used_++]};
    slot.plan->definition = definition;
    slot.plan->evidence_taken = 0;
  } else if (slot.plan->depth >= depth) {
    return slot.plan;
  }
  Plan& plan = *slot.plan;
  plan.depth = depth;
  TemplateDefinition body;
  if (read_definition(chunk.bytes, definition, body)) {
    PlanCompiler(plan, texts, arena).run(chunk, body, root);
  } else {
    plan.usable = false;
  }
  return &plan;
}

}  // namespace blockwatch::evtx
