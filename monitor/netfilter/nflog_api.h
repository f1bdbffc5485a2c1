#pragma once
// The system's side of the nflog source, as far as it needs one: every decision is made, and
// tested, without it.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "monitor/netfilter/netlink.h"
#include "monitor/netfilter/packet_event.h"
#include "storage/result.h"

namespace blockwatch {

// The group's only listener, as long as it lives.
class NflogSocket {
 public:
  struct Received {
    netlink::Bytes bytes;  // messages, valid until the next call; empty: nothing came in time
    bool overrun = false;  // some were lost; how many, the numbers of the next ones tell
  };

  virtual ~NflogSocket() = default;
  virtual Result<Received> receive(std::chrono::milliseconds time) = 0;
  // Nothing more is logged to it; what the system held back can still be received.
  virtual void close_group() = 0;
};

// One thread.
class NflogApi {
 public:
  using Take = std::function<void(const netlink::Message&)>;

  virtual ~NflogApi() = default;

  // kPermission: the right is missing; kConflict: another program listens to the group.
  virtual Result<std::unique_ptr<NflogSocket>> open(std::uint16_t group) = 0;

  // Sends a question of netfilter's about the ruleset and gives every message of the answer;
  // kUnavailable: the ruleset changed meanwhile.
  virtual Result<void> ask(std::uint16_t type, std::uint16_t flags, const Take& take) = 0;

  virtual SocketOwner owner_of(const NflogPacket& packet) = 0;
  virtual std::string interface_name(std::uint32_t index) = 0;  // empty: there is none
  virtual std::string host() = 0;
};

// kUnsupported where there is no netfilter.
Result<std::unique_ptr<NflogApi>> open_nflog();

}  // namespace blockwatch
