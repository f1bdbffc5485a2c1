#include "monitor/evtx/binxml.h"

namespace blockwatch::evtx {

namespace {

constexpr std::uint32_t kInstanceHead = 10;    // token, version, template id, definition offset
constexpr std::uint32_t kDefinitionHead = 24;  // next, GUID (its first half is the id), size

}  // namespace

bool read_name(const Bytes& chunk, std::uint32_t at, Name& out) {
  if (!chunk.has(at, 8)) return false;
  const std::uint16_t count = chunk.u16(at + 6);
  if (!chunk.has(at + 8, 2U * count + 2U)) return false;
  out = {chunk.at(at + 8), count, 0};
  return true;
}

bool read_definition(const Bytes& chunk, std::uint32_t at, TemplateDefinition& out) {
  if (!chunk.has(at, kDefinitionHead)) return false;
  const std::uint32_t size = chunk.u32(at + 20);
  if (!chunk.has(at + kDefinitionHead, size)) return false;
  out = {at + kDefinitionHead, at + kDefinitionHead + size};
  return true;
}

bool read_instance(const Bytes& chunk, std::uint32_t at, std::uint32_t end, TemplateInstance& out) {
  if (end > chunk.size() || end < at || end - at < kInstanceHead) return false;
  out.definition = chunk.u32(at + 6);
  out.values = at + kInstanceHead;
  if (out.definition != out.values) return true;
  // First use in the chunk: the definition stands here, before the values.
  TemplateDefinition definition;
  if (!read_definition(chunk, out.definition, definition) || definition.end > end) return false;
  out.values = definition.end;
  return true;
}

bool find_values(const Bytes& chunk, std::uint32_t at, std::uint32_t end, ValueTable& out) {
  if (end > chunk.size() || end < at || end - at < 4) return false;
  out.count = chunk.u32(at);
  out.descriptors = at + 4;
  if (out.count > kMaxValues || (end - out.descriptors) / 4 < out.count) return false;
  out.values = out.descriptors + 4 * out.count;
  out.end = end;
  return true;
}

bool read_values(const Bytes& chunk, std::uint32_t at, std::uint32_t end, ValueTable& out) {
  if (!find_values(chunk, at, end, out)) return false;
  std::uint32_t sum = 0;
  for (std::uint32_t i = 0; i < out.count; ++i) sum += chunk.u16(out.descriptors + 4 * i);
  if (sum > end - out.values) return false;
  out.end = out.values + sum;
  return true;
}

Value value_at(const Bytes& chunk, const ValueTable& table, std::uint32_t index) {
  std::uint32_t at = table.values;
  for (std::uint32_t i = 0; i < index; ++i) at += chunk.u16(table.descriptors + 4 * i);
  const std::uint32_t descriptor = table.descriptors + 4 * index;
  return {chunk.u8(descriptor + 2), chunk.at(at), chunk.u16(descriptor)};
}

}  // namespace blockwatch::evtx
