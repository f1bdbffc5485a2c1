#include <gtest/gtest.h>

#include "storage/query.h"

namespace blockwatch {
namespace {

Event blocked_connection() {
  Event e;
  e.event_id = 5157;
  e.time = Timestamp{1000};
  e.direction = Direction::kOutbound;
  e.protocol = 6;
  e.local_address = parse_ip_address("10.0.0.5");
  e.remote_address = parse_ip_address("93.184.216.34");
  e.local_port = 50'000;
  e.remote_port = 443;
  e.application = "\\device\\harddiskvolume2\\tools\\Curl.exe";
  e.host = "PC01.example.corp";
  e.source = "evtx:Security.evtx";
  e.layer = "connect";
  e.reason = Reason::kDefaultOutbound;
  return e;
}

TEST(FilterMatchTest, AnEmptyFilterTakesEverything) {
  EXPECT_TRUE(matches(Filter{}, Event{.event_id = 5031}));
}

TEST(FilterMatchTest, PortAndAddressLookAtBothSides) {
  const Event e = blocked_connection();
  Filter f;
  f.port.any = {{443, 443}};
  EXPECT_TRUE(matches(f, e));
  f.port.any = {{50'000, 50'010}};
  EXPECT_TRUE(matches(f, e));
  f.port.none = {{443, 443}};
  EXPECT_FALSE(matches(f, e));
  Filter g;
  g.address.any = {*parse_ip_range("10.0.0.0/8")};
  EXPECT_TRUE(matches(g, e));
  g.remote_address.any = {*parse_ip_range("10.0.0.0/8")};
  EXPECT_FALSE(matches(g, e));
}

TEST(FilterMatchTest, AnAbsentFieldFailsAnyAndPassesNone) {
  Event e = blocked_connection();
  e.process_id.reset();
  e.user = {};
  Filter f;
  f.process_id.none = {{4, 4}};
  f.user.none = {"S-1-5-18"};
  EXPECT_TRUE(matches(f, e));
  f.process_id.any = {{0, ~0ULL}};
  EXPECT_FALSE(matches(f, e));
}

TEST(FilterMatchTest, ApplicationIsAFileNameOrAGlobOnThePath) {
  const Event e = blocked_connection();
  const auto with = [&](const char* text, bool whole_path) {
    Filter f;
    f.application.any = {{text, whole_path}};
    return matches(f, e);
  };
  EXPECT_TRUE(with("curl.exe", false));
  EXPECT_FALSE(with("curl", false));
  EXPECT_TRUE(with("*\\curl.exe", true));
  EXPECT_TRUE(with("\\DEVICE\\*\\tools\\*", true));
  EXPECT_FALSE(with("tools\\curl.exe", true));
  EXPECT_TRUE(with("*", true));
  EXPECT_TRUE(with("*c*.e*e", true));
  EXPECT_FALSE(with("*c*.e*f", true));
}

TEST(FilterMatchTest, TimesAreHalfOpen) {
  const Event e = blocked_connection();
  Filter f;
  f.since = Timestamp{1000};
  f.until = Timestamp{1001};
  EXPECT_TRUE(matches(f, e));
  f.until = Timestamp{1000};
  EXPECT_FALSE(matches(f, e));
  f.until.reset();
  f.since = Timestamp{1001};
  EXPECT_FALSE(matches(f, e));
}

TEST(FilterMatchTest, TextIsFoundInApplicationAddressesHostAndFilterName) {
  Event e = blocked_connection();
  e.filter_name = "Block Outbound Default Rule";
  for (const char* q : {"CURL", "184.216", "pc01", "default rule"}) {
    Filter f;
    f.q = q;
    EXPECT_TRUE(matches(f, e)) << q;
  }
  Filter f;
  f.q = "evtx:";
  EXPECT_FALSE(matches(f, e));
}

TEST(FilterMatchTest, DifferentParametersAreAnd) {
  const Event e = blocked_connection();
  Filter f;
  f.action.any = {Action::kBlock, Action::kDrop};
  f.scope.any = {Scope::kConnection};
  f.reason.any = {Reason::kDefaultOutbound};
  f.host.any = {"pc01.EXAMPLE.corp"};
  f.source.any = {"evtx:Security.evtx"};
  f.layer.any = {"connect"};
  EXPECT_TRUE(matches(f, e));
  f.direction.none = {Direction::kOutbound};
  EXPECT_FALSE(matches(f, e));
}

}  // namespace
}  // namespace blockwatch
