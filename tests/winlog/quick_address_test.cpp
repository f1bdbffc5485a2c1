#include "monitor/winlog/quick_address.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace blockwatch::winlog {
namespace {

void expect_as_parsed(const std::string& text) {
  std::optional<IpAddress> address = IpAddress::v4(1);  // whatever was there before
  read_address(text, address);
  EXPECT_EQ(address, parse_ip_address(text)) << text;
}

TEST(QuickAddress, IsWhatTheParserReads) {
  std::mt19937 random(20260101);
  const auto any_part = [&random] { return std::to_string(random() % 301); };
  const auto odd_part = [&random] {
    constexpr const char* kParts[] = {"0", "00", "01", "1", "99", "099", "100", "255", "256", ""};
    return std::string(kParts[random() % std::size(kParts)]);
  };
  constexpr std::string_view kOthers = "./0:9x-\x7f\x80\xff\xae";
  for (int i = 0; i < 200'000; ++i) {
    const auto part = [&] { return random() % 4 == 0 ? odd_part() : any_part(); };
    std::string text = part() + "." + part() + "." + part() + "." + part();
    if (random() % 8 == 0) text = "2001:db8:0:0:" + part() + "::" + part();
    if (random() % 8 == 0) text[random() % text.size()] = kOthers[random() % kOthers.size()];
    if (random() % 8 == 0) text.resize(random() % (text.size() + 1));
    if (random() % 8 == 0) text.insert(random() % (text.size() + 1), ".");
    expect_as_parsed(text);
  }
}

TEST(QuickAddress, EveryNumberInEveryPlace) {
  for (int n = 0; n < 1000; ++n) {
    const std::string number = std::to_string(n);
    expect_as_parsed(number + ".10.200.3");
    expect_as_parsed("10." + number + ".3.200");
    expect_as_parsed("200.3." + number + ".10");
    expect_as_parsed("3.200.10." + number);
  }
}

}  // namespace
}  // namespace blockwatch::winlog
