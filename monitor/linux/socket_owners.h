#pragma once
// Which process a packet's socket belongs to: sock_diag names the socket, /proc its process.

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "monitor/linux/netlink_socket.h"
#include "monitor/netfilter/packet_event.h"

namespace blockwatch {

// One thread.
class SocketOwners {
 public:
  SocketOwner find(const NflogPacket& packet);

 private:
  using Clock = std::chrono::steady_clock;
  struct Holder {
    pid_t process = 0;
    std::string descriptor;  // "/proc/PID/fd/N"
  };

  std::optional<std::uint32_t> inode_of(const NflogPacket& packet);
  const Holder* holder_of(std::uint32_t inode);
  void look_at_all();

  std::unique_ptr<NetlinkSocket> diagnosis_;
  std::uint32_t sequence_ = 0;
  std::unordered_map<std::uint32_t, Holder> holders_;  // of sockets, by inode
  bool some_hidden_ = false;                           // processes that this one may not look into
  Clock::time_point next_look_;
};

}  // namespace blockwatch
