#include "monitor/evtx/plan_cache.h"

namespace blockwatch::evtx {

namespace {

// Likely to differ between templates: their identifier's first half, and what they stand for.
std::uint64_t kind_of(const Bytes& chunk, std::uint32_t definition, Root root) {
  return chunk.u64(definition + 4) ^ (root == Root::kEventContent ? 1U : 0U);
}

}  // namespace

PlanCache::Plans PlanCache::begin_chunk() {
  ++generation_;
  used_ = 0;
  const bool full = kept_.size() >= kMaxKept;
  if (!full && others_.empty()) return Plans::kAllKept;
  others_.clear();
  if (full) kept_.clear();
  return Plans::kSomeDropped;
}

PlanCache::Entry* PlanCache::add(Slot& slot, std::uint32_t key, ChunkContext& chunk,
                                 std::uint32_t definition, Root root) {
  if (used_ == kMaxTemplates) return nullptr;
  ++used_;
  slot = {key, generation_, {plan_for(chunk, definition, root), 0}};
  return slot.entry.plan != nullptr ? &slot.entry : nullptr;
}

Plan* PlanCache::plan_for(ChunkContext& chunk, std::uint32_t definition, Root root) {
  TemplateDefinition body;
  if (!read_definition(chunk.bytes, definition, body)) return nullptr;
  const std::uint64_t kind = kind_of(chunk.bytes, definition, root);
  const auto [first, last] = kept_.equal_range(kind);
  std::size_t variants = 0;
  for (auto it = first; it != last; ++it, ++variants) {
    if (it->second->is_of(chunk.bytes, body)) return it->second.get();
  }
  Plan plan;
  plan.compile(chunk, body, root);
  if (plan.reusable() && variants < kMaxVariants)
    return kept_.emplace(kind, std::make_unique<Plan>(std::move(plan)))->second.get();
  return &others_.emplace_back(std::move(plan));
}

}  // namespace blockwatch::evtx
