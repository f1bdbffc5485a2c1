#pragma once
// A netlink socket of Linux: sends and receives, no decisions.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "monitor/netfilter/netlink.h"
#include "storage/result.h"

namespace blockwatch {

class NetlinkSocket {
 public:
  // `protocol` is NETLINK_...; nullptr and errno: there is none.
  static std::unique_ptr<NetlinkSocket> open(int protocol, std::size_t buffer);
  ~NetlinkSocket();
  NetlinkSocket(const NetlinkSocket&) = delete;
  NetlinkSocket& operator=(const NetlinkSocket&) = delete;

  // Asks for so many bytes in the system, which doubles them; more than the limit needs
  // CAP_NET_ADMIN.
  void set_receive_buffer(int bytes);

  // These give errno, 0 when all went well.
  int send(std::string_view message);
  // One datagram from the kernel into `bytes`; empty when nothing came in time.
  int receive(std::chrono::milliseconds time, netlink::Bytes& bytes);
  // Sends a message and gives what answers it: one message, a listing, or an acknowledgement.
  int ask(std::string_view message, std::uint32_t sequence,
          const std::function<void(const netlink::Message&)>& take);

 private:
  NetlinkSocket(int fd, std::size_t buffer);

  const int fd_;
  const std::size_t size_;
  const std::unique_ptr<std::uint8_t[]> buffer_;
};

}  // namespace blockwatch
