#include "storage/ip_address.h"

#include <gtest/gtest.h>

#include <random>

namespace blockwatch {
namespace {

std::string round_trip(std::string_view text) {
  const auto address = parse_ip_address(text);
  return address ? format_ip_address(*address) : "refused";
}

TEST(IpAddressTest, FormatsAsRfc5952) {
  EXPECT_EQ(round_trip("192.168.0.1"), "192.168.0.1");
  EXPECT_EQ(round_trip("FE80:0:0:0:0:0:0:1"), "fe80::1");
  EXPECT_EQ(round_trip("::"), "::");
  EXPECT_EQ(round_trip("::1"), "::1");
  EXPECT_EQ(round_trip("1::"), "1::");
  EXPECT_EQ(round_trip("2001:db8:0:0:1:0:0:1"), "2001:db8::1:0:0:1");
  EXPECT_EQ(round_trip("2001:db8:0:1:1:1:1:1"), "2001:db8:0:1:1:1:1:1");
  EXPECT_EQ(round_trip("ff02::1:ff00:42"), "ff02::1:ff00:42");
  EXPECT_EQ(round_trip("1:2:3:4:5:6:7::"), "1:2:3:4:5:6:7:0");
}

TEST(IpAddressTest, TakesMappedTextAsIpv4) {
  EXPECT_EQ(round_trip("::ffff:10.47.0.122"), "10.47.0.122");
  EXPECT_EQ(round_trip("::ffff:0a2f:007a"), "10.47.0.122");
}

TEST(IpAddressTest, DropsTheScopeId) {
  EXPECT_EQ(round_trip("fe80::1%eth0"), "fe80::1");
  EXPECT_EQ(round_trip("fe80::1%"), "refused");
}

TEST(IpAddressTest, RefusesEverythingElse) {
  for (const char* text : {"",
                           "-",
                           "1.2.3",
                           "1.2.3.4.5",
                           "256.1.1.1",
                           "01.2.3.4",
                           "1.2.3.",
                           "1..2.3",
                           " 1.2.3.4",
                           "1.2.3.4 ",
                           ":",
                           ":::",
                           "1::2::3",
                           "1:2:3:4:5:6:7",
                           "1:2:3:4:5:6:7:8:9",
                           "12345::",
                           "g::",
                           "::1.2.3",
                           "1:2:3:4:5:6:7:1.2.3.4",
                           "::1:",
                           "1.2.3.4%1",
                           "00-11-22-33-44-55"}) {
    EXPECT_EQ(round_trip(text), "refused") << text;
  }
}

TEST(IpAddressTest, EveryAddressSurvivesFormatAndParse) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 20'000; ++i) {
    IpAddress a;
    for (auto& byte : a.bytes) byte = random() % 3 == 0 ? static_cast<std::uint8_t>(random()) : 0;
    if (i % 3 == 0) a = IpAddress::v4(static_cast<std::uint32_t>(random()));
    const std::string text = format_ip_address(a);
    ASSERT_LE(text.size(), 39U);
    ASSERT_EQ(parse_ip_address(text), a) << text;
  }
}

TEST(IpAddressTest, KnowsLoopbackGroupAndUnspecified) {
  EXPECT_TRUE(parse_ip_address("127.8.9.1")->is_loopback());
  EXPECT_TRUE(parse_ip_address("::1")->is_loopback());
  EXPECT_FALSE(parse_ip_address("::2")->is_loopback());
  EXPECT_TRUE(parse_ip_address("224.0.0.22")->is_group());
  EXPECT_TRUE(parse_ip_address("255.255.255.255")->is_group());
  EXPECT_TRUE(parse_ip_address("ff02::1")->is_group());
  EXPECT_FALSE(parse_ip_address("192.168.1.255")->is_group());
  EXPECT_TRUE(parse_ip_address("0.0.0.0")->is_unspecified());
  EXPECT_TRUE(parse_ip_address("::")->is_unspecified());
  EXPECT_FALSE(parse_ip_address("::1")->is_unspecified());
}

std::string range_text(std::string_view text) {
  const auto range = parse_ip_range(text);
  return range ? format_ip_address(range->low) + " " + format_ip_address(range->high) : "refused";
}

TEST(IpRangeTest, TakesAddressesBlocksAndRanges) {
  EXPECT_EQ(range_text("10.1.2.3"), "10.1.2.3 10.1.2.3");
  EXPECT_EQ(range_text("10.1.2.3/8"), "10.0.0.0 10.255.255.255");
  EXPECT_EQ(range_text("0.0.0.0/0"), "0.0.0.0 255.255.255.255");
  EXPECT_EQ(range_text("10.0.0.0/31"), "10.0.0.0 10.0.0.1");
  EXPECT_EQ(range_text("fe80::1/10"), "fe80:: febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
  EXPECT_EQ(range_text("::ffff:10.1.2.3/104"), "10.0.0.0 10.255.255.255");
  EXPECT_EQ(range_text("10.0.0.1-10.0.0.9"), "10.0.0.1 10.0.0.9");
  EXPECT_EQ(range_text("fe80::1-fe80::9"), "fe80::1 fe80::9");
}

TEST(IpRangeTest, NamesWhatItExpects) {
  for (const char* text : {"", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "fe80::/129", "/8",
                           "10.0.0.9-10.0.0.1", "10.0.0.1-fe80::1", "10.0.0.1-", "a-b"}) {
    const auto range = parse_ip_range(text);
    ASSERT_FALSE(range) << text;
    EXPECT_NE(range.error().message.find("CIDR"), std::string::npos);
  }
}

}  // namespace
}  // namespace blockwatch
