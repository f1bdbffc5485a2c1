// Who is at the other end: the kernel's own tables, and processes of other users that really
// connect.

#include "server/peer_identity.h"

#include <arpa/inet.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

#include "server/socket_owner.h"

namespace blockwatch {
namespace {

constexpr uid_t kStranger = 54'321;
constexpr gid_t kGroup = 54'322;

Socket::Handle handle_of(int fd) { return static_cast<Socket::Handle>(fd); }

struct Fd {
  explicit Fd(int number) : fd(number) {}
  ~Fd() { reset(); }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  void reset() {
    if (fd >= 0) ::close(fd);
    fd = -1;
  }
  int fd;
};

sockaddr_storage loopback(int family, bool mapped, in_port_t port) {
  sockaddr_storage address{};
  if (family == AF_INET) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    v4.sin_port = port;
    std::memcpy(&address, &v4, sizeof v4);
  } else {
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    ::inet_pton(AF_INET6, mapped ? "::ffff:127.0.0.1" : "::1", &v6.sin6_addr);
    v6.sin6_port = port;
    std::memcpy(&address, &v6, sizeof v6);
  }
  return address;
}

socklen_t size_of(const sockaddr_storage& address) {
  return address.ss_family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
}

// A listener, and the connections that come to it.
class Door {
 public:
  explicit Door(int family) : family_(family), listener_(::socket(family, SOCK_STREAM, 0)) {
    auto address = loopback(family, false, 0);
    EXPECT_EQ(::bind(listener_.fd, reinterpret_cast<sockaddr*>(&address), size_of(address)), 0);
    EXPECT_EQ(::listen(listener_.fd, 8), 0);
    socklen_t size = sizeof address_;
    ::getsockname(listener_.fd, reinterpret_cast<sockaddr*>(&address_), &size);
  }

  in_port_t port() const {
    return family_ == AF_INET ? reinterpret_cast<const sockaddr_in*>(&address_)->sin_port
                              : reinterpret_cast<const sockaddr_in6*>(&address_)->sin6_port;
  }
  int connect(int family, bool mapped = false) const {
    const int fd = ::socket(family, SOCK_STREAM, 0);
    const auto address = loopback(family, mapped, port());
    EXPECT_EQ(::connect(fd, reinterpret_cast<const sockaddr*>(&address), size_of(address)), 0);
    return fd;
  }
  int accept() const { return ::accept(listener_.fd, nullptr, nullptr); }

 private:
  int family_;
  Fd listener_;
  sockaddr_storage address_{};
};

// What a child process does, as another user where this one may become one, until the guard goes.
class Child {
 public:
  Child(uid_t uid, const std::vector<gid_t>& groups, const std::function<int()>& connect) {
    EXPECT_EQ(::pipe(end_.data()), 0);
    EXPECT_EQ(::pipe(ready_.data()), 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::close(end_[1]);
      const bool changed = ::setgroups(groups.size(), groups.data()) == 0 && ::setgid(uid) == 0 &&
                           ::setuid(uid) == 0;
      const int fd = changed ? connect() : -1;
      char byte = fd >= 0 ? '+' : '-';
      if (::write(ready_[1], &byte, 1) != 1) ::_exit(1);
      // Until the test has ended its side.
      while (::read(end_[0], &byte, 1) > 0) {
      }
      ::_exit(0);
    }
    ::close(end_[0]);
    char byte = '-';
    EXPECT_EQ(::read(ready_[0], &byte, 1), 1);
    EXPECT_EQ(byte, '+');
  }
  ~Child() {
    ::close(end_[1]);
    ::close(ready_[0]);
    ::close(ready_[1]);
    ::waitpid(pid_, nullptr, 0);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  pid_t pid() const { return pid_; }

 private:
  std::array<int, 2> end_{-1, -1};
  std::array<int, 2> ready_{-1, -1};
  pid_t pid_ = -1;
};

bool may_change_user() { return ::geteuid() == 0; }

class PeerIdentityTest : public testing::TestWithParam<int> {};

TEST_P(PeerIdentityTest, KnowsItsOwnUser) {
  const Door door(GetParam());
  const Fd client(door.connect(GetParam()));
  const Fd server(door.accept());
  for (const int fd : {client.fd, server.fd}) {
    const PeerIdentity peer = identify_peer(handle_of(fd), {});
    EXPECT_EQ(peer.standing, PeerStanding::kOwner);
    EXPECT_EQ(peer.user, "uid " + std::to_string(::geteuid()));
  }
}

TEST_P(PeerIdentityTest, KnowsAStranger) {
  if (!may_change_user()) GTEST_SKIP() << "only root may become another user";
  const Door door(GetParam());
  const Child child(kStranger, {kGroup}, [&] { return door.connect(GetParam()); });
  const Fd server(door.accept());
  const PeerIdentity peer = identify_peer(handle_of(server.fd), {});
  EXPECT_EQ(peer.standing, PeerStanding::kStranger);
  EXPECT_EQ(peer.user, "uid 54321");
  // The groups of a user are those of the system's directory, and it does not know this one.
  EXPECT_EQ(identify_peer(handle_of(server.fd), {std::to_string(kGroup)}).standing,
            PeerStanding::kStranger);
}

TEST_P(PeerIdentityTest, KnowsAMemberOfAGroup) {
  if (!may_change_user()) GTEST_SKIP() << "only root may become another user";
  const auto groups = find_groups({"bin"});  // user and group on every system of this family
  if (!groups) GTEST_SKIP() << groups.error().message;
  const Door door(GetParam());
  const auto uid = static_cast<uid_t>(std::stoul(groups->front()));
  const Child child(uid, {}, [&] { return door.connect(GetParam()); });
  const Fd server(door.accept());
  EXPECT_EQ(identify_peer(handle_of(server.fd), {}).standing, PeerStanding::kStranger);
  EXPECT_EQ(identify_peer(handle_of(server.fd), *groups).standing, PeerStanding::kReader);
}

// The kernel calls a socket that its process has closed root's: whoever closes at once must not
// pass for root.
TEST_P(PeerIdentityTest, TrustsNobodyWhoHasClosed) {
  const Door door(GetParam());
  Fd client(door.connect(GetParam()));
  const Fd server(door.accept());
  ASSERT_EQ(::shutdown(client.fd, SHUT_WR), 0);
  EXPECT_EQ(identify_peer(handle_of(server.fd), {}).standing, PeerStanding::kOwner)
      << "it still reads";
  client.reset();
  EXPECT_EQ(identify_peer(handle_of(server.fd), {}).standing, PeerStanding::kUnknown);
}

INSTANTIATE_TEST_SUITE_P(Families, PeerIdentityTest, testing::Values(AF_INET, AF_INET6));

TEST(PeerIdentityMappedTest, KnowsIpv4InTheClothesOfIpv6) {
  const Door door(AF_INET);
  const Fd client(door.connect(AF_INET6, true));
  const Fd server(door.accept());
  EXPECT_EQ(identify_peer(handle_of(server.fd), {}).standing, PeerStanding::kOwner);
  EXPECT_EQ(identify_peer(handle_of(client.fd), {}).standing, PeerStanding::kOwner);
}

TEST(PeerIdentityUnixTest, KnowsUserProcessAndItsOwnGroups) {
  std::array<int, 2> pair{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, pair.data()), 0);
  const Fd one(pair[0]);
  const Fd other(pair[1]);
  const PeerIdentity peer = identify_peer(handle_of(one.fd), {});
  EXPECT_EQ(peer.standing, PeerStanding::kOwner);
  EXPECT_EQ(peer.user, "uid " + std::to_string(::geteuid()) + " pid " + std::to_string(::getpid()));
}

TEST(PeerIdentityUnixTest, KnowsAStrangerAndTheGroupsOfItsProcess) {
  if (!may_change_user()) GTEST_SKIP() << "only root may become another user";
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  // Without a file: the first byte of an abstract name is 0.
  const std::string name = "blockwatch-peer-" + std::to_string(::getpid());
  name.copy(address.sun_path + 1, sizeof address.sun_path - 1);
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  const Fd listener(::socket(AF_UNIX, SOCK_STREAM, 0));
  ASSERT_EQ(::bind(listener.fd, generic, sizeof address), 0);
  ASSERT_EQ(::listen(listener.fd, 1), 0);
  const Child child(kStranger, {kGroup}, [&] {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
    return ::connect(fd, generic, sizeof address) == 0 ? fd : -1;
  });
  const Fd server(::accept(listener.fd, nullptr, nullptr));
  const PeerIdentity peer = identify_peer(handle_of(server.fd), {});
  EXPECT_EQ(peer.standing, PeerStanding::kStranger);
  EXPECT_EQ(peer.user, "uid 54321 pid " + std::to_string(child.pid()));
  EXPECT_EQ(identify_peer(handle_of(server.fd), {std::to_string(kGroup)}).standing,
            PeerStanding::kReader);
}

TEST(PeerIdentityOtherTest, DoesNotKnowWhatIsNoConnection) {
  EXPECT_EQ(identify_peer(handle_of(-1), {}).standing, PeerStanding::kUnknown);
  const Fd lonely(::socket(AF_INET, SOCK_STREAM, 0));
  EXPECT_EQ(identify_peer(handle_of(lonely.fd), {}).standing, PeerStanding::kUnknown);
}

TEST(FindGroupsTest, TakesNamesAndNumbers) {
  EXPECT_EQ(find_groups({"12", "root"}).value(), (std::vector<std::string>{"12", "0"}));
  EXPECT_EQ(find_groups({"no such group"}).error().code, ErrorCode::kInvalidArgument);
}

std::optional<SocketEnd> end_of(int fd, int (*ask)(int, sockaddr*, socklen_t*)) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  ask(fd, reinterpret_cast<sockaddr*>(&address), &size);
  return SocketEnd::of(address);
}

TEST(SocketOwnerTest, FindsTheSameBothWays) {
  for (const int family : {AF_INET, AF_INET6}) {
    const Door door(family);
    const Fd client(door.connect(family));
    const Fd server(door.accept());
    const auto own = end_of(client.fd, ::getsockname);
    const auto other = end_of(client.fd, ::getpeername);
    std::ifstream table(family == AF_INET ? "/proc/net/tcp" : "/proc/net/tcp6");
    EXPECT_EQ(owner_in_table(table, *own, *other), ::geteuid());
    const auto asked = owner_by_netlink(*own, *other);
    EXPECT_EQ(asked.value_or(::geteuid()), ::geteuid());
  }
}

TEST(SocketOwnerTest, DoesNotTakeAListenerForAClient) {
  const Door door(AF_INET);
  const Fd client(door.connect(AF_INET));
  const auto listener = end_of(client.fd, ::getpeername);
  SocketEnd nobody = *end_of(client.fd, ::getsockname);
  nobody.port = static_cast<std::uint16_t>(nobody.port == 1 ? 2 : 1);
  EXPECT_FALSE(find_socket_owner(*listener, nobody));
}

TEST(SocketOwnerTest, ReadsTheKernelsTable) {
  SocketEnd own{false, {htonl(INADDR_LOOPBACK)}, 0x8fae};
  const SocketEnd other{false, {htonl(INADDR_LOOPBACK)}, 0x1f90};
  const auto owner = [&](const std::string& state, const std::string& uid,
                         const std::string& inode) {
    std::istringstream table(
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  "
        "timeout "
        "inode\n"
        "   0: 0100007F:1F90 0100007F:8FAE 01 00000000:00000000 00:00000000 00000000     0        "
        "0 "
        "77 1\n"
        "   1: 0100007F:8FAE 0100007F:1F90 " +
        state + " 00000000:00000000 00:00000000 00000000  " + uid + "        0 " + inode +
        " 1 0 20 4 30 10 -1\n");
    return owner_in_table(table, own, other);
  };
  EXPECT_EQ(owner("01", "1000", "4711"), 1000U);
  EXPECT_EQ(owner("08", "1000", "4711"), 1000U);
  EXPECT_FALSE(owner("01", "0", "0")) << "closed by its process";
  EXPECT_FALSE(owner("06", "0", "0")) << "over";
  EXPECT_FALSE(owner("0A", "1000", "4711")) << "a listener";
  EXPECT_FALSE(owner("01", "65534", "4711")) << "of a user that is not known here";
  own.port = 1;
  EXPECT_FALSE(owner("01", "1000", "4711"));
}

}  // namespace
}  // namespace blockwatch
