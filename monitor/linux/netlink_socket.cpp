#include "monitor/linux/netlink_socket.h"

#include <linux/netlink.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace blockwatch {
namespace {

// The kernel answers at once or never.
constexpr std::chrono::seconds kPatience{2};

// Of an answer that ends with a number: minus an errno, or 0.
int error_in(const netlink::Message& message) {
  const auto code = netlink::host32(message.payload);
  return code ? -static_cast<std::int32_t>(*code) : EBADMSG;
}

}  // namespace

std::unique_ptr<NetlinkSocket> NetlinkSocket::open(int protocol, std::size_t buffer) {
  const int fd = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
  if (fd < 0) return nullptr;
  std::unique_ptr<NetlinkSocket> made(new NetlinkSocket(fd, buffer));
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return nullptr;
  return made;
}

NetlinkSocket::NetlinkSocket(int fd, std::size_t buffer)
    : fd_(fd), size_(buffer), buffer_(new std::uint8_t[buffer]) {}

NetlinkSocket::~NetlinkSocket() { ::close(fd_); }

void NetlinkSocket::set_receive_buffer(int bytes) {
  if (::setsockopt(fd_, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) != 0) {
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
  }
}

int NetlinkSocket::send(std::string_view message) {
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  while (::sendto(fd_, message.data(), message.size(), 0,
                  reinterpret_cast<const sockaddr*>(&kernel), sizeof kernel) < 0) {
    if (errno != EINTR) return errno;
  }
  return 0;
}

int NetlinkSocket::receive(std::chrono::milliseconds time, netlink::Bytes& bytes) {
  bytes = {};
  if (time.count() > 0) {
    pollfd waiting{.fd = fd_, .events = POLLIN, .revents = 0};
    if (::poll(&waiting, 1, static_cast<int>(time.count())) <= 0) return 0;
  }
  sockaddr_nl sender{};
  socklen_t length = sizeof sender;
  const ssize_t size = ::recvfrom(fd_, buffer_.get(), size_, MSG_DONTWAIT | MSG_TRUNC,
                                  reinterpret_cast<sockaddr*>(&sender), &length);
  if (size < 0) return errno == EAGAIN || errno == EINTR ? 0 : errno;
  if (sender.nl_pid != 0) return 0;  // other programs may write to it too
  if (static_cast<std::size_t>(size) > size_) return EMSGSIZE;
  bytes = {buffer_.get(), static_cast<std::size_t>(size)};
  return 0;
}

int NetlinkSocket::ask(std::string_view message, std::uint32_t sequence,
                       const std::function<void(const netlink::Message&)>& take) {
  if (const int error = send(message); error != 0) return error;
  bool interrupted = false;
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (std::chrono::steady_clock::now() < end) {
    netlink::Bytes bytes;
    // Mostly it is there already.
    int error = receive(std::chrono::milliseconds(0), bytes);
    if (error == 0 && bytes.empty()) error = receive(kPatience, bytes);
    if (error != 0) return error;
    netlink::Reader messages(bytes);
    while (const auto answer = messages.message()) {
      if (answer->sequence != sequence) continue;
      interrupted = interrupted || (answer->flags & netlink::kInterrupted) != 0;
      if (answer->type == netlink::kError) return error_in(*answer);
      if (answer->type == netlink::kDone) return interrupted ? EINTR : 0;
      take(*answer);
      if ((answer->flags & netlink::kPart) == 0) return 0;
    }
  }
  return ETIMEDOUT;
}

}  // namespace blockwatch
