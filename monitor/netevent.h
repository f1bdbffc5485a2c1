#pragma once
// A net event of the Windows Filtering Platform as its engine tells it, and the Event made of it.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "storage/event.h"

namespace blockwatch {

// FWPM_NET_EVENT_TYPE of fwpmtypes.h.
enum class NetEventType : std::uint32_t { kClassifyDrop = 3, kCapabilityDrop = 7 };

// Which fields of the header are set: FWPM_NET_EVENT_FLAG_... of fwpmtypes.h.
namespace net_event_flag {
inline constexpr std::uint32_t kProtocol = 0x1;
inline constexpr std::uint32_t kLocalAddress = 0x2;
inline constexpr std::uint32_t kRemoteAddress = 0x4;
inline constexpr std::uint32_t kLocalPort = 0x8;
inline constexpr std::uint32_t kRemotePort = 0x10;
inline constexpr std::uint32_t kAppId = 0x20;
inline constexpr std::uint32_t kUserId = 0x40;
inline constexpr std::uint32_t kScopeId = 0x80;
inline constexpr std::uint32_t kIpVersion = 0x100;
inline constexpr std::uint32_t kReauthReason = 0x200;
inline constexpr std::uint32_t kPackageId = 0x400;
}  // namespace net_event_flag

struct NetEventAddress {
  std::uint32_t v4 = 0;               // host order, unlike everywhere else in networking
  std::array<std::uint8_t, 16> v6{};  // network order
};

// Copied from Windows' structures as it is.
struct NetEvent {
  std::uint64_t time = 0;  // FILETIME
  NetEventType type{};     // may be any number
  std::uint32_t flags = 0;
  std::uint32_t ip_version = 0;  // 0: IPv4, 1: IPv6
  std::uint8_t protocol = 0;
  NetEventAddress local;
  NetEventAddress remote;
  std::uint16_t local_port = 0;
  std::uint16_t remote_port = 0;
  std::uint32_t scope_id = 0;
  std::string app_id;      // bytes of UTF-16LE
  std::string user_id;     // bytes of a SID
  std::string package_id;  // bytes of a SID
  std::uint64_t filter_id = 0;
  // Of a kClassifyDrop.
  std::uint16_t layer_id = 0;
  std::uint32_t reauth_reason = 0;
  std::uint32_t original_profile = 0;
  std::uint32_t current_profile = 0;
  std::uint32_t direction = 0;
  bool is_loopback = false;
  // Of a kCapabilityDrop.
  std::uint32_t capability = 0;
};

constexpr bool is_drop(NetEventType type) {
  return type == NetEventType::kClassifyDrop || type == NetEventType::kCapabilityDrop;
}

// Net events have no number. Two of them are the same when this is; it holds for ever, so it may be
// stored.
std::uint64_t fingerprint(const NetEvent& net_event);

// Names are not looked up. Requires is_drop(). nullopt: its time is implausible.
std::optional<Event> to_event(const NetEvent& net_event, std::string_view host, TextArena& text);

}  // namespace blockwatch
