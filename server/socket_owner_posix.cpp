#include "server/socket_owner.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>

namespace blockwatch {
namespace {

// What the kernel says of users that this namespace does not know: anybody.
constexpr std::uint32_t kOverflowUid = 65534;

bool is_open(unsigned state) {
  // An end that only stopped sending still has its process; whether it has is told by the inode.
  return state == TCP_ESTABLISHED || state == TCP_CLOSE_WAIT || state == TCP_FIN_WAIT1 ||
         state == TCP_FIN_WAIT2;
}

std::optional<std::uint32_t> known(std::uint32_t uid, std::uint64_t inode) {
  // Without an inode there is no process, and the id says nothing.
  return inode != 0 && uid != kOverflowUid ? std::optional(uid) : std::nullopt;
}

struct Question {
  nlmsghdr head;
  inet_diag_req_v2 body;
};

Question question_about(const SocketEnd& own, const SocketEnd& other) {
  Question question{};
  question.head.nlmsg_len = sizeof question;
  question.head.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  question.head.nlmsg_flags = NLM_F_REQUEST;
  question.body.sdiag_family = own.is_v6 ? AF_INET6 : AF_INET;
  question.body.sdiag_protocol = IPPROTO_TCP;
  question.body.idiag_states = ~0U;
  inet_diag_sockid& id = question.body.id;
  id.idiag_sport = htons(own.port);
  id.idiag_dport = htons(other.port);
  std::memcpy(&id.idiag_src, own.address.data(), sizeof id.idiag_src);
  std::memcpy(&id.idiag_dst, other.address.data(), sizeof id.idiag_dst);
  id.idiag_cookie[0] = INET_DIAG_NOCOOKIE;
  id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
  return question;
}

// "0100007F:1F90", as the tables have it: words in the machine's order, the port in ours.
std::string table_text(const SocketEnd& end, bool in_v6_table) {
  constexpr const char* kHex = "0123456789ABCDEF";
  std::string text;
  const auto add = [&](std::uint32_t value, int digits) {
    for (int at = digits - 1; at >= 0; --at) {
      text.push_back(kHex[(value >> (4U * static_cast<unsigned>(at))) & 15U]);
    }
  };
  if (end.is_v6) {
    for (const std::uint32_t word : end.address) add(word, 8);
  } else {
    if (in_v6_table) {
      add(0, 8);
      add(0, 8);
      add(htonl(0xffff), 8);
    }
    add(end.address[0], 8);
  }
  text.push_back(':');
  add(end.port, 4);
  return text;
}

}  // namespace

std::optional<SocketEnd> SocketEnd::of(const sockaddr_storage& address) {
  SocketEnd end;
  if (address.ss_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &address, sizeof v4);
    end.address[0] = v4.sin_addr.s_addr;
    end.port = ntohs(v4.sin_port);
    return end;
  }
  if (address.ss_family != AF_INET6) return std::nullopt;
  sockaddr_in6 v6{};
  std::memcpy(&v6, &address, sizeof v6);
  std::memcpy(end.address.data(), &v6.sin6_addr, sizeof end.address);
  end.port = ntohs(v6.sin6_port);
  end.is_v6 = !IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr);
  if (!end.is_v6) end.address = {end.address[3], 0, 0, 0};
  return end;
}

bool SocketEnd::is_loopback() const {
  if (is_v6) return address == std::array<std::uint32_t, 4>{0, 0, 0, htonl(1)};
  return ntohl(address[0]) >> 24U == 127;
}

Result<std::optional<std::uint32_t>> owner_by_netlink(const SocketEnd& own,
                                                      const SocketEnd& other) {
  const auto silent = make_error(ErrorCode::kUnsupported, "the kernel tells no owners of sockets");
  const int fd = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
  if (fd < 0) return silent;
  struct Closes {
    int fd;
    ~Closes() { ::close(fd); }
  } const closes{fd};
  const Question question = question_about(own, other);
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  if (::sendto(fd, &question, sizeof question, 0, reinterpret_cast<const sockaddr*>(&kernel),
               sizeof kernel) != static_cast<ssize_t>(sizeof question)) {
    return silent;
  }
  // The kernel has answered when sendto() returns.
  alignas(nlmsghdr) std::array<char, 4096> answer{};
  sockaddr_nl sender{};
  socklen_t sender_size = sizeof sender;
  const ssize_t size = ::recvfrom(fd, answer.data(), answer.size(), MSG_DONTWAIT,
                                  reinterpret_cast<sockaddr*>(&sender), &sender_size);
  nlmsghdr head{};
  if (size < static_cast<ssize_t>(sizeof head) || sender.nl_pid != 0) return silent;
  std::memcpy(&head, answer.data(), sizeof head);
  const auto has = [&](std::size_t body) {
    return static_cast<std::size_t>(size) >= NLMSG_HDRLEN + body;
  };
  if (head.nlmsg_type == NLMSG_ERROR && has(sizeof(nlmsgerr))) {
    nlmsgerr error{};
    std::memcpy(&error, answer.data() + NLMSG_HDRLEN, sizeof error);
    if (error.error == -ENOENT) return std::optional<std::uint32_t>();
    return silent;
  }
  if (head.nlmsg_type != SOCK_DIAG_BY_FAMILY || !has(sizeof(inet_diag_msg))) return silent;
  inet_diag_msg found{};
  std::memcpy(&found, answer.data() + NLMSG_HDRLEN, sizeof found);
  // Without such a connection the kernel looks for a listener at `own`: that is not who asks.
  const bool is_it = is_open(found.idiag_state) && found.id.idiag_sport == htons(own.port) &&
                     found.id.idiag_dport == htons(other.port);
  return is_it ? known(found.idiag_uid, found.idiag_inode) : std::nullopt;
}

std::optional<std::uint32_t> owner_in_table(std::istream& table, const SocketEnd& own,
                                            const SocketEnd& other) {
  std::string line;
  while (std::getline(table, line)) {
    std::istringstream words(line);
    std::string number, local, remote, state, queues, timer, retransmits, uid, timeout, inode;
    words >> number >> local >> remote >> state >> queues >> timer >> retransmits >> uid >>
        timeout >> inode;
    const bool v6 = local.size() > 13;
    if (!words || local != table_text(own, v6) || remote != table_text(other, v6)) continue;
    if (!is_open(static_cast<unsigned>(std::strtoul(state.c_str(), nullptr, 16)))) continue;
    return known(static_cast<std::uint32_t>(std::strtoul(uid.c_str(), nullptr, 10)),
                 std::strtoull(inode.c_str(), nullptr, 10));
  }
  return std::nullopt;
}

std::optional<std::uint32_t> find_socket_owner(const SocketEnd& own, const SocketEnd& other) {
  if (const auto owner = owner_by_netlink(own, other)) return *owner;
  for (const char* name : {"/proc/net/tcp", "/proc/net/tcp6"}) {
    std::ifstream table(name);
    if (const auto owner = owner_in_table(table, own, other)) return owner;
  }
  return std::nullopt;
}

}  // namespace blockwatch
