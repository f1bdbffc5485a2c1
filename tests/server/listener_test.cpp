// What may be listened on, and that nobody else can take it.

#include "server/listener.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/server/raw_client.h"

namespace blockwatch {
namespace {

using testing::HasSubstr;

TEST(ListenerTest, ListensOnNumericAddressesAndLocalhost) {
  for (const char* host : {"localhost", "127.0.0.1", "127.0.0.9"}) {
    const auto listener = Listener::open({.host = host}, 5);
    ASSERT_TRUE(listener) << listener.error().message;
    EXPECT_GT(listener->address().port, 0);
  }
  for (const char* host : {"example.test", "", "127.evil", "fe80::1%eth0", "192.0.2.1"}) {
    const auto listener = Listener::open({.host = host}, 5);
    ASSERT_FALSE(listener) << host;
    EXPECT_EQ(listener.error().code, ErrorCode::kInvalidArgument) << listener.error().message;
  }
}

TEST(ListenerTest, APortHasOneListener) {
  const auto first = Listener::open({}, 5);
  ASSERT_TRUE(first);
  const auto second = Listener::open({.port = first->address().port}, 5);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kConflict);
  EXPECT_THAT(second.error().message, HasSubstr(std::to_string(first->address().port)));
}

TEST(ListenerTest, ACrowdAtOneKeepsNobodyWaitingAtTheOther) {
  std::vector<Listener> listeners;
  for (int i = 0; i < 2; ++i) {
    auto listener = Listener::open({}, 50);
    ASSERT_TRUE(listener);
    listeners.push_back(std::move(*listener));
  }
  std::vector<RawClient> crowd;
  for (int i = 0; i < 20; ++i) crowd.emplace_back(listeners[0].address().port);
  const RawClient other(listeners[1].address().port);
  bool seen = false;
  for (int calls = 0; calls < 2 && !seen; ++calls) {
    for (const Arrival& arrival : accept_connections(listeners, std::chrono::seconds(10))) {
      seen = seen || arrival.listener == &listeners[1];
    }
  }
  EXPECT_TRUE(seen);
}

TEST(ListenAddressTest, KnowsWhatOthersCanReach) {
  for (const char* host : {"localhost", "127.0.0.1", "127.1.2.3", "::1"}) {
    EXPECT_TRUE((ListenAddress{.host = host}.is_local())) << host;
  }
  for (const char* host : {"0.0.0.0", "::", "192.0.2.1", "fe80::1", "example.test", ""}) {
    EXPECT_FALSE((ListenAddress{.host = host}.is_local())) << host;
  }
  EXPECT_TRUE((ListenAddress{.host = "0.0.0.0", .unix_path = "/run/x"}.is_local()));
  EXPECT_EQ((ListenAddress{.host = "::1", .port = 5, .tls = true}.url()), "https://[::1]:5");
}

}  // namespace
}  // namespace blockwatch
