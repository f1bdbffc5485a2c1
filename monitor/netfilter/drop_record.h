#pragma once
// What monitor/linux/drop_watch.bpf.c tells of a packet that was dropped while its sender was at
// it. Read as C, as that program is, and as C++.

#ifdef __cplusplus
#include <optional>
#include <span>

#include "monitor/netfilter/nflog_packet.h"

namespace blockwatch {
#endif

enum { kDropPacketBytes = 128, kDropNamesBytes = 512 };

struct DropRecord {
  unsigned long long time;  // CLOCK_MONOTONIC, in ns
  unsigned int process;
  unsigned short protocol;  // of its socket, as the port, in the order of the machine
  unsigned short port;
  unsigned short packet_size;
  unsigned short names_size;               // 0: the executable is not known
  unsigned char packet[kDropPacketBytes];  // its headers
  char names[kDropNamesBytes];  // of the executable's path, each with a NUL, the last one first
};

// In memory that both sides see.
struct DropShared {
  unsigned long long lost;       // records that found no room
  unsigned int namespace_inode;  // of the network whose packets are told of
};

#ifdef __cplusplus
struct DroppedPacket {
  Packet packet;
  PacketSender sender;
  std::uint64_t time = 0;  // as in the record
};

// nullopt: too short, no IP, or not what its socket sends: somebody has wrapped that.
std::optional<DroppedPacket> parse_drop_record(std::span<const std::uint8_t> bytes);

}  // namespace blockwatch
#endif
