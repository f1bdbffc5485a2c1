#include "storage/words.h"

#include <gtest/gtest.h>

namespace blockwatch {
namespace {

TEST(WordsTest, EveryEventIdHasTheContractsMeaning) {
  struct Row {
    std::uint16_t id;
    const char* action;
    const char* scope;
  };
  for (const Row& row : {Row{5031, "block", "application"},
                         {5150, "drop", "packet"},
                         {5151, "drop", "packet"},
                         {5152, "drop", "packet"},
                         {5153, "drop", "packet"},
                         {5154, "permit", "listen"},
                         {5155, "block", "listen"},
                         {5156, "permit", "connection"},
                         {5157, "block", "connection"},
                         {5158, "permit", "bind"},
                         {5159, "block", "bind"}}) {
    EXPECT_EQ(to_word(action_of(row.id)), row.action) << row.id;
    EXPECT_EQ(to_word(scope_of(row.id)), row.scope) << row.id;
  }
  for (const std::uint32_t id : {0U, 5030U, 5032U, 5149U, 5160U, 70'567U}) {
    EXPECT_FALSE(is_event_id(id));
    EXPECT_FALSE(kAllActions.has_event_id(id));
  }
}

template <class Enum>
void expect_words_round_trip() {
  for (const std::string_view word : words<Enum>()) {
    const auto value = from_word<Enum>(word);
    ASSERT_TRUE(value) << word;
    EXPECT_EQ(to_word(*value), word);
  }
  EXPECT_FALSE(from_word<Enum>(""));
  EXPECT_FALSE(from_word<Enum>("Inbound"));
}

TEST(WordsTest, WordsRoundTrip) {
  expect_words_round_trip<Action>();
  expect_words_round_trip<Scope>();
  expect_words_round_trip<Direction>();
  expect_words_round_trip<Reason>();
}

TEST(WordsTest, ProtocolsHaveIanaNames) {
  EXPECT_EQ(protocol_name(6), "tcp");
  EXPECT_EQ(protocol_name(2), "igmp");
  EXPECT_EQ(protocol_name(58), "ipv6-icmp");
  EXPECT_EQ(protocol_name(200), "");
  EXPECT_EQ(protocol_number("udp"), 17);
  EXPECT_FALSE(protocol_number("UDP"));
}

TEST(WordsTest, ApplicationNameIsTheLastComponentInLowerCase) {
  EXPECT_EQ(application_name("\\device\\harddiskvolume1\\Windows\\System32\\SvcHost.exe"),
            "svchost.exe");
  EXPECT_EQ(application_name("/usr/bin/Curl"), "curl");
  EXPECT_EQ(application_name("System"), "system");
  EXPECT_EQ(application_name("C:\\dir\\"), "");
  EXPECT_EQ(application_name(""), "");
}

TEST(WordsTest, ActionSetsSelectEventIds) {
  EXPECT_TRUE(kBlocksAndDrops.has_event_id(5157));
  EXPECT_TRUE(kBlocksAndDrops.has_event_id(5152));
  EXPECT_FALSE(kBlocksAndDrops.has_event_id(5156));
  ActionSet permits;
  permits.add(Action::kPermit);
  EXPECT_TRUE(permits.has_event_id(5158));
  EXPECT_FALSE(permits.has_event_id(5157));
}

TEST(WordsTest, ComparesAsciiWithoutCase) {
  EXPECT_TRUE(equal_ignoring_case("Security", "security"));
  EXPECT_FALSE(equal_ignoring_case("Security", "securit"));
  EXPECT_TRUE(contains_ignoring_case("C:\\Chrome.EXE", "chrome"));
  EXPECT_TRUE(contains_ignoring_case("abc", ""));
  EXPECT_FALSE(contains_ignoring_case("abc", "abcd"));
}

}  // namespace
}  // namespace blockwatch
