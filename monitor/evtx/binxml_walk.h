#pragma once
// walk_fragment, for inlining into its two visitors. Include binxml.h.

#include "monitor/evtx/binxml.h"

namespace blockwatch::evtx {

namespace detail {

// Token codes; kHasMore says that attributes (or more of them) or more content follow.
inline constexpr std::uint8_t kHasMore = 0x40;
enum Token : std::uint8_t {
  kEndOfStream = 0x00,
  kOpenStart = 0x01,
  kCloseStart = 0x02,
  kCloseEmpty = 0x03,
  kCloseElement = 0x04,
  kValue = 0x05,
  kAttribute = 0x06,
  kCData = 0x07,
  kCharRef = 0x08,
  kEntityRef = 0x09,
  kPiTarget = 0x0a,
  kPiData = 0x0b,
  kTemplateInstance = 0x0c,
  kSubstitution = 0x0d,
  kOptionalSubstitution = 0x0e,
  kFragmentHeader = 0x0f,
};

// A name given by its offset: it stands at that offset, which is right behind the reference (and
// then has to be stepped over) when this is its first use in the chunk.
inline bool name_reference(const Bytes& chunk, std::uint32_t& at, std::uint32_t end, Name& name) {
  if (end < at || end - at < 4) return false;
  const std::uint32_t offset = chunk.u32(at);
  if (!read_name(chunk, offset, name)) return false;
  name.reference = at;
  at += 4;
  if (offset != at) return true;
  const std::uint32_t size = 8 + 2 * std::uint32_t{name.count} + 2;
  if (end - at < size) return false;
  at += size;
  return true;
}

struct ElementStart {
  Name name;
  std::uint32_t next = 0;
};

inline bool element_start(const Bytes& chunk, std::uint32_t at, std::uint32_t end, bool dependency,
                          bool attributes, ElementStart& out) {
  at += 1 + (dependency ? 2U : 0U);
  if (end < at || end - at < 8) return false;
  const std::uint32_t size = chunk.u32(at);
  at += 4;
  if (size > end - at) return false;
  if (!name_reference(chunk, at, end, out.name)) return false;
  if (attributes) {
    if (end - at < 4) return false;
    at += 4;
  }
  out.next = at;
  return true;
}

// Bytes of a literal of a type that carries no length; 0: not allowed as a literal.
constexpr std::uint32_t literal_width(std::uint8_t type) {
  constexpr std::uint8_t kWidths[] = {0, 0, 0, 1, 1,  2, 2, 4,  4, 8, 8,
                                      4, 8, 4, 0, 16, 8, 8, 16, 0, 4, 8};
  return type < sizeof kWidths ? kWidths[type] : 0;
}

// A length-counted or fixed-size literal at `at`.
inline bool literal(const Bytes& chunk, std::uint32_t& at, std::uint32_t end, std::uint8_t type,
                    Value& out) {
  std::uint32_t size = literal_width(type);
  if (type == static_cast<std::uint8_t>(ValueType::kString) ||
      type == static_cast<std::uint8_t>(ValueType::kAnsiString)) {
    if (end - at < 2) return false;
    size = chunk.u16(at) * (type == static_cast<std::uint8_t>(ValueType::kString) ? 2U : 1U);
    at += 2;
  } else if (size == 0) {
    return false;
  }
  if (end - at < size) return false;
  out = {type, chunk.at(at), size};
  at += size;
  return true;
}

}  // namespace detail

template <class Visitor>
Walk walk_fragment(ChunkContext& context, std::uint32_t at, std::uint32_t end, Where where,
                   Visitor& visitor) {
  using namespace detail;
  const Bytes& chunk = context.bytes;
  const auto broken = [&visitor](const char* what) {
    if (visitor.fault.what == nullptr) visitor.fault.what = what;
    return Walk::kBroken;
  };
  const auto ended = [&visitor] {
    return visitor.fault.what == nullptr ? Walk::kStopped : Walk::kBroken;
  };
  if (end > chunk.size()) return broken("a fragment that reaches beyond its chunk");
  unsigned open = 0;
  while (at < end) {
    if (context.tokens_left == 0) return broken("too many tokens in one chunk");
    --context.tokens_left;
    const std::uint8_t token = chunk.u8(at);
    const bool more = (token & kHasMore) != 0;
    bool go_on = true;
    switch (token & ~kHasMore) {
      case kEndOfStream:
        return open == 0 ? Walk::kDone : broken("an end inside an element");
      case kOpenStart: {
        ElementStart start;
        const bool dependency = where == Where::kTemplate;
        // Some writers get the dependency identifier wrong; the element's size tells.
        if (!element_start(chunk, at, end, dependency, more, start)) {
          if (!element_start(chunk, at, end, !dependency, more, start))
            return broken("an element that does not fit");
          start.name.reference = 0;
        }
        if (++open > kMaxDepth) return broken("elements nested too deeply");
        at = start.next;
        go_on = visitor.open(start.name);
        break;
      }
      case kCloseStart:
        ++at;
        go_on = visitor.start_closed();
        break;
      case kCloseEmpty:
      case kCloseElement:
        ++at;
        if (open == 0) return broken("an end without an element");
        --open;
        go_on = visitor.close();
        break;
      case kValue: {
        Value value;
        if (end - at < 2) return broken("a value cut off");
        const std::uint8_t type = chunk.u8(at + 1);
        at += 2;
        if (!literal(chunk, at, end, type, value)) return broken("a value that does not fit");
        go_on = visitor.text(value);
        break;
      }
      case kAttribute: {
        Name name;
        ++at;
        if (!name_reference(chunk, at, end, name)) return broken("an attribute without a name");
        go_on = visitor.attribute(name);
        break;
      }
      case kCData: {
        Value value;
        ++at;
        if (!literal(chunk, at, end, static_cast<std::uint8_t>(ValueType::kString), value))
          return broken("a CDATA section that does not fit");
        go_on = visitor.text(value);
        break;
      }
      case kCharRef:
        if (end - at < 3) return broken("a character reference cut off");
        go_on = visitor.character(chunk.u16(at + 1));
        at += 3;
        break;
      case kEntityRef: {
        Name name;
        ++at;
        if (!name_reference(chunk, at, end, name)) return broken("an entity without a name");
        go_on = visitor.entity(name);
        break;
      }
      case kPiTarget: {
        Name name;
        ++at;
        if (!name_reference(chunk, at, end, name)) return broken("an instruction without a name");
        go_on = visitor.instruction(name);
        break;
      }
      case kPiData: {
        Value value;
        ++at;
        if (!literal(chunk, at, end, static_cast<std::uint8_t>(ValueType::kString), value))
          return broken("an instruction that does not fit");
        break;
      }
      case kTemplateInstance: {
        TemplateInstance instance;
        std::uint32_t next = 0;
        if (!read_instance(chunk, at, end, instance)) return broken("a template that does not fit");
        go_on = visitor.instance(instance, end, next);
        if (go_on && next <= at) return broken("a template instance without an end");
        at = next;
        break;
      }
      case kSubstitution:
      case kOptionalSubstitution:
        if (end - at < 4) return broken("a substitution cut off");
        go_on = visitor.substitution(chunk.u16(at + 1));
        at += 4;
        break;
      case kFragmentHeader:
        if (end - at < 4) return broken("a fragment header cut off");
        at += 4;
        break;
      default:
        return broken("an unknown token");
    }
    if (!go_on) return ended();
  }
  return open == 0 ? Walk::kDone : broken("an element without an end");
}

}  // namespace blockwatch::evtx
