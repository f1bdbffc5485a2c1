#include "monitor/winlog/explain.h"

#include <optional>
#include <string_view>

#include "monitor/winlog/codes.h"
#include "monitor/winlog/note.h"
#include "monitor/winlog/reason.h"
#include "storage/words.h"

namespace blockwatch::winlog {

namespace {

std::string end_point(const std::optional<IpAddress>& address,
                      const std::optional<std::uint16_t>& port) {
  if (!address) return "an unrecorded address";
  std::string text = format_ip_address(*address);
  if (!port) return text;
  if (!address->is_v4()) text = "[" + text + "]";
  return text + ":" + std::to_string(*port);
}

std::string protocol_word(const Event& event) {
  if (!event.protocol) return "";
  const std::string_view name = protocol_name(*event.protocol);
  return (name.empty() ? "protocol " + std::to_string(*event.protocol) : std::string(name)) + " ";
}

std::string_view firewall(const Event& event) {
  return is_netfilter(event) ? "Netfilter " : "Windows ";
}

// Of a packet of netfilter's: what the note about its process means.
std::string_view unnamed_process(const Event& event) {
  const std::string_view note = note_of(event, kProcessNote);
  if (note == "gone") return "a process that was gone when it was looked for";
  if (note == "hidden") return "a process that Blockwatch may not see";
  if (note == "not asked")
    return "a process that was not looked for, as there were so many packets";
  return "no process";
}

std::string owner(const Event& event) {
  if (is_netfilter(event) && event.process_id && event.application.empty()) {
    return "process " + std::to_string(*event.process_id);
  }
  if (event.application.empty()) {
    if (is_netfilter(event)) return std::string(unnamed_process(event));
    return event.source == kNetEventSource ? "a process that was not recorded" : "no process";
  }
  std::string text(event.application);
  if (!event.process_id) return text;
  text += " (process " + std::to_string(*event.process_id);
  const std::string_view services = note_of(event, kServiceNote);
  if (!services.empty()) text += ", running " + std::string(services);
  return text + ")";
}

std::string traffic(const Event& event, std::string_view noun) {
  std::string text;
  if (event.direction) text = std::string(to_word(*event.direction)) + " ";
  text += protocol_word(event) + std::string(noun);
  if (event.icmp_type) text += " of type " + std::to_string(*event.icmp_type);
  const std::string local = end_point(event.local_address, event.local_port);
  const std::string remote = end_point(event.remote_address, event.remote_port);
  return event.direction == Direction::kInbound ? text + " from " + remote + " to " + local
                                                : text + " from " + local + " to " + remote;
}

std::string with_article(std::string text) {
  const bool vowel = !text.empty() && std::string_view("aeiou").find(text[0]) != std::string::npos;
  return (vowel ? "an " : "a ") + text;
}

std::string profiles(const Event& event) {
  for (const RawField& field : event.raw) {
    if (equal_ignoring_case(field.name, "Profiles") && !field.value.empty()) {
      return " (network profile " + std::string(field.value) + ")";
    }
  }
  return "";
}

std::string what_happened(const Event& event) {
  const bool permitted = action_of(event.event_id) == Action::kPermit;
  const std::string verb = permitted ? "permitted " : "blocked ";
  switch (scope_of(event.event_id)) {
    case Scope::kApplication:
      return "Windows Firewall kept " + owner(event) + " from accepting incoming connections" +
             profiles(event) + ".";
    case Scope::kListen:
      return "Windows " + verb + owner(event) + (permitted ? " to listen" : " from listening") +
             " on " + protocol_word(event) + end_point(event.local_address, event.local_port) + ".";
    case Scope::kBind:
      return "Windows " + verb + owner(event) + (permitted ? " to bind" : " from binding") +
             " to " + protocol_word(event) + end_point(event.local_address, event.local_port) + ".";
    case Scope::kConnection:
      return std::string(firewall(event)) + verb + with_article(traffic(event, "connection")) +
             " for " + owner(event) + ".";
    case Scope::kPacket:
      break;
  }
  if (event.event_id == 5150 || event.event_id == 5151) {
    return "Windows dropped a network frame at the hardware-address (MAC) layer.";
  }
  return std::string(firewall(event)) + "dropped " + with_article(traffic(event, "packet")) +
         "; it belonged to " + owner(event) + ".";
}

std::string filter_text(const Event& event) {
  std::string text;
  if (is_netfilter(event)) {
    if (event.filter_id) text += " by the rule with handle " + std::to_string(*event.filter_id);
    if (!event.filter_name.empty()) {
      text += " that logs with the prefix \"" + std::string(event.filter_name) + "\"";
    }
    if (!event.layer.empty()) text += " at the hook " + std::string(event.layer);
    return text.empty() ? "" : " It was logged" + text + ".";
  }
  if (event.filter_id.value_or(0) != 0) {
    text += " by filter " + std::to_string(*event.filter_id);
    if (!event.filter_name.empty()) text += " \"" + std::string(event.filter_name) + "\"";
  }
  if (!event.layer.empty()) text += " at the " + std::string(event.layer) + " layer";
  return text.empty() ? "" : " It was decided" + text + ".";
}

std::string why(const Event& event, const Finding& finding) {
  const std::string_view provider = note_of(event, kFilterProviderNote);
  switch (finding.reason) {
    case Reason::kRule:
      if (event.filter_origin.empty()) return "";  // the prefix is all that is known of the rule
      return " A firewall rule decided it: " + std::string(event.filter_origin) + ".";
    case Reason::kDefaultInbound:
      return " No rule allows it, and inbound traffic is blocked unless a rule allows it.";
    case Reason::kDefaultOutbound:
      return " No rule allows it, and outbound traffic is set to be blocked unless a rule allows "
             "it.";
    case Reason::kNoListener:
      return " Nothing on this machine was waiting for it: stealth mode drops such packets "
             "silently "
             "instead of answering that the port is closed.";
    case Reason::kQueryUser:
      return event.event_id == 5031
                 ? " There is no rule for this application, so the firewall's default for unlisted "
                   "applications held."
                 : " No inbound rule covers it; it is the case in which Windows may ask the user. "
                   "An inbound allow rule would let it pass.";
    case Reason::kQuarantine:
      return " The network interface had just changed and was not yet classified; such drops pass "
             "by themselves.";
    case Reason::kBootTime:
      return " Windows was starting, and the boot-time filters were still in force.";
    case Reason::kAppContainer:
      return " The isolation of store applications (AppContainer) forbids it.";
    case Reason::kServiceHardening:
      return " Windows Service Hardening limits this service to the network access it declared.";
    case Reason::kThirdParty:
      return " The filter is not one of Windows Firewall's: another program put it there" +
             (provider.empty() ? "" : ", under the name \"" + std::string(provider) + "\"") + ".";
    case Reason::kUnknown:
      break;
  }
  if (action_of(event.event_id) == Action::kPermit) return "";
  if (event.event_id == 5155) {
    return " Windows Firewall itself never blocks listening, so another program's filter is the "
           "likely cause; the record does not name it.";
  }
  if (!event.filter_name.empty()) return " The filter's name is all that is known of its purpose.";
  return " The record does not say why; the filter id can be looked up while the filter lives.";
}

// What kind of observation it is, so that a drop is not taken for an attack, nor counted twice.
std::string kind_of(const Event& event, const Finding& finding) {
  if (is_netfilter(event)) {
    const std::string_view packets = note_of(event, kPacketsNote);
    if (!packets.empty()) {
      return " It stands for " + std::string(packets) + " packets, of which this was the last.";
    }
    return event.event_id == 5157 ? " It is the first packet of its flow; repeats are counted."
                                  : "";
  }
  switch (event.event_id) {
    case 5031:
      return " It is about the application as a whole, not about one connection.";
    case 5157:
      return " It is a connection block; each retry of the sender is logged again.";
    case 5151:
    case 5153:
      return " A more restrictive filter overruled one that would have let it pass.";
    case 5152:
      break;
    default:
      return "";
  }
  if (finding.reason == Reason::kNoListener) {
    return " Taken alone this packet drop means nothing: scans and late answers cause it all the "
           "time.";
  }
  if (finding.reason == Reason::kQuarantine) return " Taken alone this packet drop means nothing.";
  if (event.layer == "icmp-error") {
    return " It is an ICMP error message that was dropped; addresses and ports are those of the "
           "traffic that it reports on.";
  }
  if (event.layer == "receive-accept" || event.layer == "connect") {
    return " It is a packet drop; the connection block (5157) of the same attempt is logged beside "
           "it when that is audited.";
  }
  return " It is a packet drop.";
}

std::vector<std::string> evidence_of(const Event& event, const Finding& finding) {
  std::vector<std::string> evidence{"event_id = " + std::to_string(event.event_id)};
  const auto add = [&](std::string_view name, std::string_view value) {
    if (!value.empty()) evidence.push_back(std::string(name) + " = " + std::string(value));
  };
  add("filter_origin", event.filter_origin);
  if (event.filter_id) add("filter_id", std::to_string(*event.filter_id));
  add("filter_name", event.filter_name);
  add("filter_provider", note_of(event, kFilterProviderNote));
  add("service", note_of(event, kServiceNote));
  add("missing_capability", note_of(event, kCapabilityNote));
  add("process", note_of(event, kProcessNote));
  add("packets", note_of(event, kPacketsNote));
  add("layer", event.layer);
  if (event.layer_id) add("layer_id", std::to_string(*event.layer_id));
  if (finding.basis == Basis::kNoProcess || finding.basis == Basis::kDiscardLayer) {
    if (!event.process_id) evidence.emplace_back("process_id = null");
  }
  return evidence;
}

std::string_view confidence_of(Basis basis) {
  switch (basis) {
    case Basis::kFilterOrigin:
    case Basis::kFilterOriginIsRule:
    case Basis::kFilterProvider:
    case Basis::kDiscardLayer:
      return "high";
    case Basis::kFilterName:
    case Basis::kNoProcess:
    case Basis::kEventId:
      return "medium";
    case Basis::kNone:
      break;
  }
  return "low";
}

}  // namespace

Explanation explain(const Event& event) {
  const Finding finding = find_reason(event);
  Explanation explanation;
  explanation.reason = finding.reason;
  explanation.summary =
      what_happened(event) + filter_text(event) + why(event, finding) + kind_of(event, finding);
  explanation.evidence = evidence_of(event, finding);
  explanation.confidence = confidence_of(finding.basis);
  return explanation;
}

}  // namespace blockwatch::winlog
