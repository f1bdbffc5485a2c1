#include "monitor/winlog/address_memo.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace blockwatch::winlog {
namespace {

// Many more addresses than it remembers, near ones among them, and texts that are none.
TEST(AddressMemo, ReadsWhatTheParserReadsHoweverOften) {
  std::mt19937 random(20260101);
  AddressMemo memo;
  for (int i = 0; i < 20'000; ++i) {
    const auto part = [&random] { return std::to_string(random() % 4 * 85); };
    std::string text = part() + "." + part() + "." + part() + "." + part();
    if (random() % 8 == 0) text = "2001:db8:0:0:" + part() + "::" + part();
    if (random() % 8 == 0) text[random() % text.size()] = 'x';
    if (random() % 8 == 0) text.resize(random() % (text.size() + 1));
    EXPECT_EQ(memo.read(text), parse_ip_address(text)) << text;
  }
}

TEST(AddressMemo, TextsWithTheSameEndsAreApart) {
  AddressMemo memo;
  EXPECT_TRUE(memo.read("10.0.0.100"));
  EXPECT_FALSE(memo.read("10.0.0.10.0.0.100"));
  EXPECT_NE(memo.read("2001:db8:0:1:0:0:0:1"), parse_ip_address("2001:db8:0:2:0:0:0:1"));
  EXPECT_EQ(memo.read("2001:db8:0:2:0:0:0:1"), parse_ip_address("2001:db8:0:2:0:0:0:1"));
}

}  // namespace
}  // namespace blockwatch::winlog
