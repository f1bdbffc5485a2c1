// Who is at the other end, by the system's table of connections.

#include <winsock2.h>
#include <ws2tcpip.h>

#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "server/local_client.h"
#include "server/peer_identity.h"

namespace blockwatch {
namespace {

class PeerIdentityTest : public testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    WSADATA data{};
    ASSERT_EQ(::WSAStartup(MAKEWORD(2, 2), &data), 0);
    listener_ = ::socket(GetParam(), SOCK_STREAM, 0);
    sockaddr_storage address{};
    int size = sizeof address;
    if (GetParam() == AF_INET) {
      sockaddr_in v4{};
      v4.sin_family = AF_INET;
      v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      size = sizeof v4;
      std::memcpy(&address, &v4, sizeof v4);
    } else {
      sockaddr_in6 v6{};
      v6.sin6_family = AF_INET6;
      v6.sin6_addr.s6_addr[15] = 1;
      size = sizeof v6;
      std::memcpy(&address, &v6, sizeof v6);
    }
    ASSERT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    ASSERT_EQ(::listen(listener_, 1), 0);
    ASSERT_EQ(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    // The port has the same place in both kinds of addresses.
    sockaddr_in named{};
    std::memcpy(&named, &address, sizeof named);
    port_ = ntohs(named.sin_port);
  }
  void TearDown() override { ::closesocket(listener_); }

  SOCKET listener_ = INVALID_SOCKET;
  int port_ = 0;
};

TEST_P(PeerIdentityTest, KnowsItsOwnUser) {
  const auto client = connect_to(GetParam() == AF_INET ? "127.0.0.1" : "::1", port_);
  ASSERT_TRUE(client);
  const Socket server(::accept(listener_, nullptr, nullptr));
  const PeerIdentity peer = identify_peer(server.handle(), {});
  if (GetParam() == AF_INET6 && peer.standing == PeerStanding::kUnknown) {
    GTEST_SKIP() << "Wine's table of IPv6 connections names no process";
  }
  EXPECT_EQ(peer.standing, PeerStanding::kOwner);
  EXPECT_EQ(peer.user.substr(0, 4), "S-1-");
  EXPECT_NE(peer.user.find(" pid " + std::to_string(::GetCurrentProcessId())), std::string::npos)
      << peer.user;
}

TEST_P(PeerIdentityTest, TrustsNobodyWhoHasClosed) {
  auto client = connect_to(GetParam() == AF_INET ? "127.0.0.1" : "::1", port_);
  ASSERT_TRUE(client);
  const Socket server(::accept(listener_, nullptr, nullptr));
  { const Socket closes(std::move(*client)); }
  EXPECT_EQ(identify_peer(server.handle(), {}).standing, PeerStanding::kUnknown);
}

INSTANTIATE_TEST_SUITE_P(Families, PeerIdentityTest, testing::Values(AF_INET, AF_INET6));

TEST(FindGroupsTest, TakesIds) {
  EXPECT_EQ(find_groups({"S-1-5-32-573"}).value().front(), "S-1-5-32-573");
  EXPECT_FALSE(find_groups({"no such group"}));
}

}  // namespace
}  // namespace blockwatch
