// NflogApi over netlink sockets.

#include <linux/netlink.h>
#include <net/if.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <unordered_map>
#include <utility>

#include "monitor/linux/netlink_socket.h"
#include "monitor/linux/socket_owners.h"
#include "monitor/netfilter/log_rules.h"
#include "monitor/netfilter/nflog_api.h"

namespace blockwatch {
namespace {

// Attributes and commands of <linux/netfilter/nfnetlink_log.h>.
enum : std::uint16_t {
  kCommand = 1,
  kMode = 2,
  kBufferSize = 3,
  kTimeout = 4,
  kThreshold = 5,
  kFlags = 6,
};
constexpr std::uint8_t kBind = 1;
constexpr std::uint8_t kUnbind = 2;
constexpr std::uint16_t kCountPackets = 1;  // NFULNL_CFG_F_SEQ

// Measured: at 200,000 packets a second nothing is lost with these, and one comes after 10 ms.
constexpr int kReceiveBuffer = 4 << 20;
constexpr std::uint32_t kMessageBuffer = 128U << 10U;
constexpr std::uint32_t kPacketsTogether = 64;
constexpr std::uint32_t kWait = 1;  // in 10 ms
// Enough for the headers of IPv6 with options.
constexpr std::uint32_t kBytesOfPacket = 256;

constexpr std::chrono::seconds kNamesLive{1};
constexpr std::size_t kDatagram = std::size_t{256} * 1024;

std::string reason(int error) { return std::strerror(error); }

// One at a time; the answer has this number.
class Netfilter {
 public:
  static std::unique_ptr<Netfilter> open() {
    auto socket = NetlinkSocket::open(NETLINK_NETFILTER, kDatagram);
    if (!socket) return nullptr;
    return std::make_unique<Netfilter>(std::move(socket));
  }
  explicit Netfilter(std::unique_ptr<NetlinkSocket> socket) : socket_(std::move(socket)) {}

  NetlinkSocket& socket() { return *socket_; }

  int ask(std::uint16_t type, std::uint16_t flags, const NflogApi::Take& take) {
    netlink::Writer writer(type, static_cast<std::uint16_t>(netlink::kRequest | flags),
                           ++sequence_);
    return send(writer.netfilter(0, 0), take);
  }

  // All in one message, so that no packet finds the group half set up.
  int listen(std::uint16_t group) {
    constexpr std::array<char, 6> kCopyPackets{0, 0, kBytesOfPacket >> 8U, kBytesOfPacket & 0xff,
                                               2, 0};
    netlink::Writer writer(kNflogConfigType, netlink::kRequest | netlink::kAcknowledge,
                           ++sequence_);
    return send(writer.netfilter(0, group)
                    .u8(kCommand, kBind)
                    .bytes(kMode, {kCopyPackets.data(), kCopyPackets.size()})
                    .be32(kThreshold, kPacketsTogether)
                    .be32(kTimeout, kWait)
                    .be32(kBufferSize, kMessageBuffer)
                    .be16(kFlags, kCountPackets));
  }

 private:
  int send(
      netlink::Writer& writer, const NflogApi::Take& take = [](const netlink::Message&) {}) {
    return socket_->ask(writer.finish(), sequence_, take);
  }

  std::unique_ptr<NetlinkSocket> socket_;
  std::uint32_t sequence_ = 0;
};

class LinuxNflogSocket final : public NflogSocket {
 public:
  LinuxNflogSocket(std::unique_ptr<Netfilter> netfilter, std::uint16_t group)
      : netfilter_(std::move(netfilter)), group_(group) {}

  Result<Received> receive(std::chrono::milliseconds time) override {
    Received received;
    const int error = netfilter_->socket().receive(time, received.bytes);
    received.overrun = error == ENOBUFS;
    if (error != 0 && !received.overrun) {
      return make_error(ErrorCode::kIo, "cannot read from the group: " + reason(error));
    }
    return received;
  }

  void close_group() override {
    // Without waiting for the answer: packets may come before it, and they count.
    (void)netfilter_->socket().send(netlink::Writer(kNflogConfigType, netlink::kRequest)
                                        .netfilter(0, group_)
                                        .u8(kCommand, kUnbind)
                                        .finish());
  }

 private:
  const std::unique_ptr<Netfilter> netfilter_;
  const std::uint16_t group_;
};

class LinuxNflog final : public NflogApi {
 public:
  Result<std::unique_ptr<NflogSocket>> open(std::uint16_t group) override {
    auto netfilter = Netfilter::open();
    if (!netfilter) {
      return make_error(ErrorCode::kIo, "cannot open a netfilter socket: " + reason(errno));
    }
    netfilter->socket().set_receive_buffer(kReceiveBuffer);
    const int error = netfilter->listen(group);
    if (error == EPERM && is_permitted(*netfilter)) {
      return make_error(ErrorCode::kConflict,
                        "another program listens to the group " + std::to_string(group) +
                            "; each group has one listener, so let the rules log to another one");
    }
    if (error == EPERM) {
      return make_error(ErrorCode::kPermission,
                        "no right to read what netfilter logs: CAP_NET_ADMIN is needed in the "
                        "network namespace this program runs in");
    }
    if (error != 0) {
      return make_error(ErrorCode::kIo, "cannot listen to the group " + std::to_string(group) +
                                            ": " + reason(error));
    }
    return std::make_unique<LinuxNflogSocket>(std::move(netfilter), group);
  }

  Result<void> ask(std::uint16_t type, std::uint16_t flags, const Take& take) override {
    if (!rules_) rules_ = Netfilter::open();
    const int error = rules_ ? rules_->ask(type, flags, take) : errno;
    if (error == 0) return {};
    rules_.reset();  // a late answer must not be taken for the next one's
    return make_error(error == EINTR ? ErrorCode::kUnavailable : ErrorCode::kIo,
                      "cannot read the ruleset: " + reason(error));
  }

  SocketOwner owner_of(const NflogPacket& packet) override { return owners_.find(packet); }

  std::string interface_name(std::uint32_t index) override {
    const auto time = std::chrono::steady_clock::now();
    if (time - named_ >= kNamesLive) {
      named_ = time;
      names_.clear();
    }
    const auto [at, is_new] = names_.try_emplace(index);
    std::array<char, IF_NAMESIZE> name{};
    if (is_new && ::if_indextoname(index, name.data()) != nullptr) at->second = name.data();
    return at->second;
  }

  std::string host() override {
    std::array<char, 256> name{};
    return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : std::string{};
  }

 private:
  // Both "no right" and "the group is taken" are EPERM. Any other question of netfilter's needs the
  // same right.
  static bool is_permitted(Netfilter& netfilter) {
    return netfilter.ask(kGetGenerationType, 0, [](const netlink::Message&) {}) != EPERM;
  }

  std::unique_ptr<Netfilter> rules_;
  SocketOwners owners_;
  std::unordered_map<std::uint32_t, std::string> names_;  // of interfaces
  std::chrono::steady_clock::time_point named_;           // since then
};

}  // namespace

Result<std::unique_ptr<NflogApi>> open_nflog() { return std::make_unique<LinuxNflog>(); }

}  // namespace blockwatch
