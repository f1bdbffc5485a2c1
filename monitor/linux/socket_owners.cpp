#include "monitor/linux/socket_owners.h"

#include <dirent.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>
#include <string_view>

namespace blockwatch {
namespace {

constexpr std::size_t kAnswerBytes = std::size_t{32} * 1024;
// Looking at all processes takes milliseconds; at most a tenth of the time goes into it.
constexpr int kLookShare = 10;
constexpr std::chrono::milliseconds kShortestPause{20};

struct CloseFolder {
  void operator()(DIR* folder) const { ::closedir(folder); }
};
using Folder = std::unique_ptr<DIR, CloseFolder>;

// What a symbolic link says; empty when it cannot be read.
std::string link_text(const std::string& path) {
  std::array<char, 4096> text{};
  const ssize_t size = ::readlink(path.c_str(), text.data(), text.size());
  return size > 0 ? std::string(text.data(), static_cast<std::size_t>(size)) : std::string{};
}

std::string socket_text(std::uint32_t inode) { return "socket:[" + std::to_string(inode) + ']'; }

std::string executable_of(pid_t process) {
  constexpr std::string_view kDeleted = " (deleted)";
  std::string path = link_text("/proc/" + std::to_string(process) + "/exe");
  if (path.ends_with(kDeleted)) path.resize(path.size() - kDeleted.size());
  return path;
}

void put_address(const IpAddress& address, __be32 (&out)[4]) {
  if (address.is_v4()) {
    out[0] = htonl(address.v4_value());
  } else {
    std::memcpy(out, address.bytes.data(), address.bytes.size());
  }
}

}  // namespace

SocketOwner SocketOwners::find(const NflogPacket& packet) {
  using State = SocketOwner::State;
  const auto direction = direction_of(packet);
  if (!packet.packet || !packet.packet->source_port || direction == Direction::kForward ||
      !direction) {
    return {};
  }
  const std::uint8_t protocol = packet.packet->protocol;
  if (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP) return {};
  const auto inode = inode_of(packet);
  if (!inode) return {.state = State::kNoSocket};
  if (*inode == 0) return {.state = State::kNoProcess};  // closed, and not yet gone
  const Holder* holder = holder_of(*inode);
  if (holder == nullptr && Clock::now() < next_look_) return {.state = State::kNotAsked};
  if (holder == nullptr) {
    look_at_all();
    holder = holder_of(*inode);
  }
  if (holder == nullptr) return {.state = some_hidden_ ? State::kHidden : State::kNoProcess};
  return {.state = State::kFound,
          .process_id = static_cast<std::uint64_t>(holder->process),
          .executable = executable_of(holder->process)};
}

// nullopt: there is no such socket.
std::optional<std::uint32_t> SocketOwners::inode_of(const NflogPacket& packet) {
  if (!diagnosis_) diagnosis_ = NetlinkSocket::open(NETLINK_SOCK_DIAG, kAnswerBytes);
  if (!diagnosis_) return std::nullopt;
  const Packet& ip = *packet.packet;
  const bool inbound = direction_of(packet) == Direction::kInbound;
  inet_diag_req_v2 wish{};
  wish.sdiag_family = ip.source.is_v4() ? AF_INET : AF_INET6;
  wish.sdiag_protocol = ip.protocol;
  wish.idiag_states = ~0U;
  wish.id.idiag_if = (inbound ? packet.in_interface : packet.out_interface).value_or(0);
  wish.id.idiag_cookie[0] = wish.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
  // For TCP the source is the side of this machine. For UDP the kernel looks the socket up as that
  // of a packet that comes in: there it is the destination.
  const bool as_sent = inbound == (ip.protocol == IPPROTO_UDP);
  put_address(as_sent ? ip.source : ip.destination, wish.id.idiag_src);
  put_address(as_sent ? ip.destination : ip.source, wish.id.idiag_dst);
  wish.id.idiag_sport = htons(as_sent ? *ip.source_port : *ip.destination_port);
  wish.id.idiag_dport = htons(as_sent ? *ip.destination_port : *ip.source_port);

  const std::uint32_t sequence = ++sequence_;
  const std::string message = netlink::Writer(SOCK_DIAG_BY_FAMILY, netlink::kRequest, sequence)
                                  .raw({reinterpret_cast<const char*>(&wish), sizeof wish})
                                  .finish();
  std::optional<std::uint32_t> inode;
  diagnosis_->ask(message, sequence, [&inode](const netlink::Message& answer) {
    constexpr std::size_t kAt = offsetof(inet_diag_msg, idiag_inode);
    if (answer.payload.size() >= sizeof(inet_diag_msg)) {
      inode = netlink::host32(answer.payload.subspan(kAt));
    }
  });
  return inode;
}

// Null: not among those that were seen at the last look, or no longer its holder.
const SocketOwners::Holder* SocketOwners::holder_of(std::uint32_t inode) {
  const auto found = holders_.find(inode);
  if (found == holders_.end()) return nullptr;
  if (link_text(found->second.descriptor) == socket_text(inode)) return &found->second;
  holders_.erase(found);
  return nullptr;
}

void SocketOwners::look_at_all() {
  constexpr std::string_view kSocket = "socket:[";
  const auto start = Clock::now();
  holders_.clear();
  // Where even the first process is not to be seen (hidepid), others are not either.
  some_hidden_ = ::access("/proc/1", F_OK) != 0;
  const Folder processes(::opendir("/proc"));
  while (const dirent* process = processes ? ::readdir(processes.get()) : nullptr) {
    if (std::isdigit(static_cast<unsigned char>(process->d_name[0])) == 0) continue;
    const std::string path = std::string("/proc/") + process->d_name + "/fd/";
    const Folder descriptors(::opendir(path.c_str()));
    if (!descriptors) some_hidden_ = some_hidden_ || errno == EACCES;
    while (const dirent* one = descriptors ? ::readdir(descriptors.get()) : nullptr) {
      const std::string descriptor = path + one->d_name;
      const std::string text = link_text(descriptor);
      if (!text.starts_with(kSocket)) continue;
      holders_.try_emplace(
          static_cast<std::uint32_t>(std::strtoul(text.c_str() + kSocket.size(), nullptr, 10)),
          Holder{static_cast<pid_t>(std::atoi(process->d_name)), descriptor});
    }
  }
  const auto end = Clock::now();
  next_look_ = end + std::max<Clock::duration>(kShortestPause, (end - start) * kLookShare);
}

}  // namespace blockwatch
