#pragma once
// Which process sent a packet that the firewall dropped, from the kernel at that moment: exact even
// for a process that lived for one packet. An extra: not every system has it.

#include <memory>

#include "monitor/netfilter/nflog_packet.h"
#include "storage/result.h"

namespace blockwatch {

// Any thread.
class DropWatch {
 public:
  virtual ~DropWatch() = default;

  // Takes what the kernel has told; what is not taken for long finds no room.
  virtual void keep_up() = 0;
  // Of a packet of this machine that was logged just now. Null: not known, or not for certain.
  virtual std::shared_ptr<const PacketSender> sender_of(const Packet& packet) = 0;
};

// Needs CAP_BPF and CAP_PERFMON, for this call only. Watches the network namespace of the caller.
// kUnsupported: this program or the kernel cannot; kPermission.
Result<std::unique_ptr<DropWatch>> open_drop_watch();

}  // namespace blockwatch
