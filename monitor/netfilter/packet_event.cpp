#include "monitor/netfilter/packet_event.h"

#include <vector>

#include "monitor/winlog/note.h"
#include "monitor/winlog/reason.h"
#include "storage/words.h"

namespace blockwatch {
namespace {

std::string_view word_of(SocketOwner::State state, Direction direction) {
  switch (state) {
    case SocketOwner::State::kNoSocket:
      return direction == Direction::kInbound ? "no listener" : "gone";
    case SocketOwner::State::kNoProcess:
      return "gone";
    case SocketOwner::State::kHidden:
      return "hidden";
    case SocketOwner::State::kNotAsked:
      return "not asked";
    case SocketOwner::State::kNone:
    case SocketOwner::State::kFound:
      break;
  }
  return {};
}

// What the message told, under the names of its attributes.
class RawList {
 public:
  explicit RawList(TextArena& text) : text_(text) {}

  void add(std::string_view name, std::string_view value) {
    if (!value.empty()) fields_.push_back({name, text_.copy(value)});
  }
  template <class Int>
  void add(std::string_view name, const std::optional<Int>& value) {
    if (value) add(name, std::to_string(*value));
  }
  std::span<const RawField> fields() const {
    return text_.copy_array(std::span<const RawField>(fields_));
  }

 private:
  TextArena& text_;
  std::vector<RawField> fields_;
};

// The side of this machine is where the packet goes to when it comes in, else where it comes from.
void set_packet(const Packet& packet, Event& event) {
  const bool inbound = event.direction == Direction::kInbound;
  event.protocol = packet.protocol;
  event.local_address = inbound ? packet.destination : packet.source;
  event.remote_address = inbound ? packet.source : packet.destination;
  event.local_port = inbound ? packet.destination_port : packet.source_port;
  event.remote_port = inbound ? packet.source_port : packet.destination_port;
  event.icmp_type = packet.icmp_type;
  event.icmp_code = packet.icmp_code;
}

// A rule without a condition that every packet of a hook meets says what holds where no other rule
// decides.
std::string_view default_origin(const LogRule& rule, const Event& event) {
  if (!rule.matches_all || !rule.hook) return {};
  if (event.direction == Direction::kInbound) return "Default Inbound";
  if (event.direction == Direction::kOutbound) return "Default Outbound";
  return {};
}

void set_rule(const LogRule& rule, Event& event, RawList& raw, TextArena& text) {
  raw.add("rule",
          rule.handle == 0 ? rule.place : rule.place + " handle " + std::to_string(rule.handle));
  if (rule.handle != 0) event.filter_id = rule.handle;
  event.filter_origin = default_origin(rule, event);
  if (event.filter_origin.empty()) event.filter_origin = text.copy(rule.place);
}

void list_packet(const NflogPacket& packet, const PacketContext& context, RawList& raw) {
  raw.add("sequence", packet.sequence);
  raw.add("group", std::optional(packet.group));
  raw.add("family", family_name(packet.family));
  raw.add("hook", std::optional(packet.hook));
  raw.add("etherType", std::optional(packet.ethernet_type));
  raw.add("prefix", packet.prefix);
  raw.add("inDev", packet.in_interface);
  raw.add("inName", context.in_name);
  raw.add("outDev", packet.out_interface);
  raw.add("outName", context.out_name);
  raw.add("mark", packet.mark);
  raw.add("uid", packet.uid);
  raw.add("gid", packet.gid);
  if (!packet.packet) return;
  const Packet& ip = *packet.packet;
  raw.add("length", std::optional(ip.length));
  raw.add("tcpFlags", ip.tcp_flags);
  raw.add("sctpChunk", ip.sctp_chunk);
  if (ip.is_fragment) raw.add("fragment", "1");
  if (ip.is_cut) raw.add("cut", "1");
}

}  // namespace

Event to_event(const NflogPacket& packet, std::uint16_t event_id, const PacketContext& context,
               TextArena& text) {
  Event event;
  RawList raw(text);
  event.time = *packet.time;
  event.source = text.copy(context.source);
  event.host = text.copy(context.host);
  event.event_id = event_id;
  event.direction = direction_of(packet);
  event.layer = hook_name(packet.family, packet.hook);
  event.filter_name = text.copy(packet.prefix);
  event.interface_index = event.direction == Direction::kInbound || !packet.out_interface
                              ? packet.in_interface
                              : packet.out_interface;
  if (packet.uid) event.user = text.copy(std::to_string(*packet.uid));
  if (packet.packet) set_packet(*packet.packet, event);
  list_packet(packet, context, raw);
  if (context.rule != nullptr) set_rule(*context.rule, event, raw, text);
  if (context.owner.state == SocketOwner::State::kFound) {
    event.process_id = context.owner.process_id;
    event.application = text.copy(context.owner.executable);
  } else if (event.direction) {
    raw.add(winlog::kProcessNote, word_of(context.owner.state, *event.direction));
  }
  if (context.packets > 1) raw.add(winlog::kPacketsNote, std::to_string(context.packets));
  event.raw = raw.fields();
  event.reason = winlog::find_reason(event).reason;
  return event;
}

}  // namespace blockwatch
