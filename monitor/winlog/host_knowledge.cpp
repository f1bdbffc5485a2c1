#include "monitor/winlog/host_knowledge.h"

#include <algorithm>
#include <bit>
#include <list>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "monitor/winlog/codes.h"
#include "storage/words.h"

namespace blockwatch::winlog {

namespace {

// A forwarded log can name any number of hosts, and a host can have any number of addresses over
// time; the least recently seen host and the oldest address make room.
constexpr std::size_t kMaxHosts = 4096;
constexpr std::size_t kMaxAddresses = 64;
// Of all hosts together. Windows has some 1,500 filters; when there are more, all are learned anew.
constexpr std::size_t kMaxFilters = 65'536;

// Where Windows puts the host's own side of an inbound 5156 or 5157.
enum class Generation : std::uint8_t {
  kOld,  // Vista to 8.1 and Server 2012 R2: Source
  kNew,  // 10, 11 and Server 2016 and later: Dest
};

enum class Own : std::uint8_t { kSource, kDest };

struct Host {
  std::string name;
  std::optional<Generation> generation;
  std::vector<IpAddress> addresses;
  FilterHistory filters;
  std::size_t oldest = 0;  // of `addresses`, once they are full

  std::size_t found = 0;  // of `addresses`, where the last one that was looked for stood

  bool owns(const std::optional<IpAddress>& address) {
    if (!address) return false;
    if (found < addresses.size() && addresses[found] == *address) return true;
    const auto place = std::find(addresses.begin(), addresses.end(), *address);
    if (place == addresses.end()) return false;
    found = static_cast<std::size_t>(place - addresses.begin());
    return true;
  }

  void learn(const std::optional<IpAddress>& address) {
    if (!address || owns(address)) return;
    if (address->is_unspecified() || address->is_loopback() || address->is_group()) return;
    if (addresses.size() < kMaxAddresses) {
      addresses.push_back(*address);
      return;
    }
    addresses[oldest] = *address;
    oldest = (oldest + 1) % kMaxAddresses;
  }
};

// Is `a` the last address of an IPv4 network (/8 or longer) that `b` is in?
bool is_likely_broadcast(const IpAddress& a, const IpAddress& b) {
  if (!a.is_v4() || !b.is_v4() || a == b) return false;
  const std::uint32_t last = a.v4_value();
  if ((last & 0xFFU) != 0xFFU) return false;
  const std::uint32_t host_bits = ~std::uint32_t{0} >> std::countl_zero(last ^ b.v4_value());
  return host_bits <= 0xFFFFFFU && (last & host_bits) == host_bits;
}

// Sent to many, hence never a sender. TCP knows no such thing.
bool is_group_side(const std::optional<IpAddress>& a, const std::optional<IpAddress>& other,
                   std::optional<std::uint8_t> protocol) {
  constexpr std::uint8_t kTcp = 6;
  if (!a || protocol == kTcp) return false;
  return a->is_group() || (other && is_likely_broadcast(*a, *other));
}

// Services listen low; a client's port is given by its system. Equal ranks tell nothing.
int port_rank(std::uint16_t port) {
  constexpr std::uint16_t kFirstUnprivileged = 1024;
  constexpr std::uint16_t kFirstDynamic = 49152;
  if (port < kFirstUnprivileged) return 0;
  return port < kFirstDynamic ? 1 : 2;
}

std::optional<Own> one_of(bool source, bool dest) {
  if (source == dest) return std::nullopt;
  return source ? Own::kSource : Own::kDest;
}

Own side_of(Generation generation) {
  return generation == Generation::kOld ? Own::kSource : Own::kDest;
}

// What cannot be otherwise, from the record and the addresses of the host.
std::optional<Own> proven_side(const Event& event, Host& host) {
  if (!event.filter_origin.empty() || event.interface_index || event.event_version >= 2) {
    return Own::kDest;  // fields that only Windows 11, Server 2022 and later write
  }
  if (const auto own =
          one_of(is_group_side(event.local_address, event.remote_address, event.protocol),
                 is_group_side(event.remote_address, event.local_address, event.protocol))) {
    return own;
  }
  return one_of(host.owns(event.local_address), host.owns(event.remote_address));
}

// What the ports make likely.
std::optional<Own> likely_side(const Event& event) {
  constexpr std::uint8_t kTcp = 6;
  if (!event.protocol || !event.local_port || !event.remote_port) return std::nullopt;
  if (is_icmp(*event.protocol)) {
    // The type is on the host's side, the code on the other; most codes are 0 and most types not.
    return one_of(*event.local_port != 0, *event.remote_port != 0);
  }
  if (*event.protocol != kTcp) return std::nullopt;  // a datagram may be an answer
  const int source = port_rank(*event.local_port);
  const int dest = port_rank(*event.remote_port);
  return one_of(source < dest, dest < source);
}

void swap_sides(Event& event) {
  std::swap(event.local_address, event.remote_address);
  std::swap(event.local_port, event.remote_port);
}

std::optional<std::uint8_t> octet(std::optional<std::uint16_t> value) {
  if (!value || *value > 0xFF) return std::nullopt;
  return static_cast<std::uint8_t>(*value);
}

// WFP keeps the ICMP type in the local port and the code in the remote one.
void move_icmp_ports(Event& event) {
  if (!event.protocol || !is_icmp(*event.protocol)) return;
  // The ICMP error layer and the socket events have no type to tell: both ports are 0 there.
  const bool has_type = event.remote_port && !(event.layer == "icmp-error" &&
                                               event.local_port == 0U && event.remote_port == 0U);
  if (has_type) {
    event.icmp_type = octet(event.local_port);
    event.icmp_code = octet(event.remote_port);
  }
  event.local_port.reset();
  event.remote_port.reset();
}

}  // namespace

struct HostKnowledge::Impl {
  // Most recently seen first. The map's keys point into the list's nodes, which never move.
  std::list<Host> hosts;
  std::unordered_map<std::string_view, std::list<Host>::iterator> by_name;
  std::size_t filters = 0;  // of all hosts

  Host& host(std::string_view name) {
    if (!hosts.empty() && hosts.front().name == name) return hosts.front();
    const auto found = by_name.find(name);
    if (found != by_name.end()) {
      hosts.splice(hosts.begin(), hosts, found->second);
      return hosts.front();
    }
    if (hosts.size() == kMaxHosts) {
      by_name.erase(hosts.back().name);
      filters -= hosts.back().filters.size();
      hosts.pop_back();
    }
    hosts.emplace_front().name = name;
    by_name.emplace(hosts.front().name, hosts.begin());
    return hosts.front();
  }

  static void settle_connection(Event& event, Host& host) {
    Own own = Own::kDest;
    if (const auto proven = proven_side(event, host)) {
      own = *proven;
      host.generation = own == Own::kSource ? Generation::kOld : Generation::kNew;
    } else if (host.generation) {
      own = side_of(*host.generation);
    } else if (const auto likely = likely_side(event)) {
      own = *likely;
    }
    if (own == Own::kDest) swap_sides(event);
  }

  static void settle(Event& event, Host& host, TextArena& text) {
    const bool packet = event.event_id == 5152 || event.event_id == 5153;
    const bool connection = event.event_id == 5156 || event.event_id == 5157;
    const Scope scope = scope_of(event.event_id);
    if (packet && event.event_version >= 1) host.generation = Generation::kNew;
    if (event.direction == Direction::kInbound && packet) {
      swap_sides(event);  // packet drops follow the packet's header on every version
      if (event.remote_address && !is_group_side(event.local_address, event.remote_address, {})) {
        host.learn(event.local_address);
      }
    } else if (event.direction == Direction::kInbound && connection) {
      settle_connection(event, host);
    } else if (event.direction == Direction::kOutbound || scope == Scope::kListen ||
               scope == Scope::kBind) {
      host.learn(event.local_address);
    }
    move_icmp_ports(event);
    // What has no record number is recognised by its content, which must not depend on what came
    // before.
    if (!event.record_id || !event.filter_name.empty()) return;
    if (const Filter* filter = host.filters.find(event)) set_filter(event, *filter, text);
  }
};

HostKnowledge::HostKnowledge() : impl_(std::make_unique<Impl>()) {}
HostKnowledge::~HostKnowledge() = default;
HostKnowledge::HostKnowledge(HostKnowledge&&) noexcept = default;
HostKnowledge& HostKnowledge::operator=(HostKnowledge&&) noexcept = default;

void HostKnowledge::observe(std::string_view host, std::uint32_t event_id, std::uint8_t version) {
  if (!is_evidence(event_id) || host.size() > kMaxNameBytes) return;
  // Logon (4624) and process creation (4688) came to version 2 with Windows 10.
  impl_->host(host).generation = version >= 2 ? Generation::kNew : Generation::kOld;
}

void HostKnowledge::observe(std::string_view host, const FilterChange& change) {
  if (host.size() > kMaxNameBytes) return;
  if (impl_->filters >= kMaxFilters) {
    for (Host& known : impl_->hosts) known.filters = {};
    impl_->filters = 0;
  }
  FilterHistory& history = impl_->host(host).filters;
  impl_->filters -= history.size();
  history.add(change);
  impl_->filters += history.size();
}

void HostKnowledge::settle(Event& event, TextArena& text) {
  if (event.host.size() <= kMaxNameBytes) return Impl::settle(event, impl_->host(event.host), text);
  Host stranger;
  Impl::settle(event, stranger, text);
}

}  // namespace blockwatch::winlog
