// Raw names and values come back byte for byte, and cost little.

#include "storage/raw_codec.h"

#include <gtest/gtest.h>

#include <map>

#include "tests/storage/random_events.h"

namespace blockwatch {
namespace {

class Codec : public testing::Test {
 protected:
  std::uint32_t encode(const Event& event, std::string& row) {
    auto add = [&](const std::string& bytes) {
      templates_.push_back(*parse_raw_template(bytes));
      EXPECT_EQ(to_bytes(templates_.back()), bytes);
      return static_cast<std::uint32_t>(templates_.size());
    };
    auto intern = [&](std::string_view text) -> std::optional<std::uint32_t> {
      if (texts_.size() >= max_texts_) return std::nullopt;
      texts_.emplace_back(text);
      return static_cast<std::uint32_t>(texts_.size() - 1);
    };
    return encoder_.encode(event, add, intern, row);
  }

  void expect_round_trip(const Event& event) {
    std::string row;
    std::uint32_t id = encode(event, row);
    if (event.raw.empty()) {
      EXPECT_EQ(id, 0U);
      return;
    }
    TextArena arena;
    auto text = [&](std::uint32_t n) { return std::string_view(texts_.at(n)); };
    auto raw = decode_raw(templates_.at(id - 1), event, row, text, arena);
    ASSERT_TRUE(raw) << raw.error().message;
    ASSERT_EQ(raw->size(), event.raw.size());
    for (std::size_t i = 0; i < raw->size(); ++i) {
      ASSERT_EQ((*raw)[i].name, event.raw[i].name);
      ASSERT_EQ((*raw)[i].value, event.raw[i].value);
    }
  }

  RawEncoder encoder_;
  std::vector<RawTemplate> templates_;
  std::vector<std::string> texts_;
  std::size_t max_texts_ = 100;
};

TEST_F(Codec, RandomFieldsComeBackByteForByte) {
  constexpr std::uint64_t kSeed = 3;
  SCOPED_TRACE("seed " + std::to_string(kSeed));
  RandomEvents random(kSeed);
  EventList list;
  for (int i = 0; i < 5000; ++i) {
    Event event = random.add(list, "evtx:a");
    auto raw = list.text.array<RawField>(random.below(8));
    for (RawField& field : raw) {
      std::string bytes;
      for (auto n = random.below(20); n > 0; --n)
        bytes.push_back(static_cast<char>(random.below(256)));
      field.name = list.text.copy(random.one_in(20) ? bytes : std::string("Name"));
      field.value = random.one_in(3) ? std::string_view("007") : list.text.copy(bytes);
    }
    if (random.one_in(2)) event.raw = raw;
    expect_round_trip(event);
    if (HasFatalFailure()) return;
  }
}

TEST_F(Codec, ValuesThatColumnsHoldCostNoBytes) {
  Event event;
  event.event_id = 5157;
  event.process_id = 820;
  event.application = "C:\\app.exe";
  event.remote_address = parse_ip_address("2001:db8::1");
  event.remote_port = 443;
  RawField raw[] = {{"ProcessID", "820"},     {"Application", "C:\\app.exe"},
                    {"Direction", "%%14593"}, {"DestAddress", "2001:db8::1"},
                    {"DestPort", "443"},      {"RemoteUserID", "S-1-0-0"}};
  event.raw = raw;
  std::string row;
  encode(event, row);
  EXPECT_EQ(row.size(), 0U);
  raw[3].value = "2001:DB8::1";
  encode(event, row);
  EXPECT_GT(row.size() + templates_.size(), 1U);
  expect_round_trip(event);
}

// What is nearly the text of a column is kept as it is, also right after an event that had the
// column's text itself.
TEST_F(Codec, NearlyTheTextOfAColumnIsNotTheColumn) {
  Event event;
  const auto expect_both = [&](std::string_view exact, std::string_view near) {
    for (std::optional<Direction> direction :
         {std::optional<Direction>(), std::optional(Direction::kInbound),
          std::optional(Direction::kOutbound), std::optional(Direction::kForward)}) {
      SCOPED_TRACE(near);
      event.direction = direction;
      RawField raw[] = {{"Value", exact}};
      event.raw = raw;
      expect_round_trip(event);
      raw[0].value = near;
      expect_round_trip(event);
    }
  };
  event.process_id = 7;
  for (std::string_view near :
       {"", "07", "7 ", " 7", "+7", "77", "8", ":", "/", "18446744073709551623",
        "00000000000000000007", "0000000000000000000000000000000000007"}) {
    expect_both("7", near);
  }
  event.process_id = 0;
  for (std::string_view near : {"", "00", "-", "18446744073709551616"}) expect_both("0", near);
  event.process_id.reset();
  event.filter_id = UINT64_MAX;
  for (std::string_view near : {"-1", "018446744073709551615", "9223372036854775807"}) {
    expect_both("18446744073709551615", near);
  }
  event.filter_id.reset();
  event.local_address = parse_ip_address("1.2.3.40");
  for (std::string_view near :
       {"1.2.3.4", "1.2.3.040", "1.2.3.40.", "01.2.3.40", "1.2.3.401", "::ffff:1.2.3.40"}) {
    expect_both("1.2.3.40", near);
  }
}

TEST_F(Codec, FieldsThatChangePlacesWithTheDirectionNeedATemplateForEach) {
  Event event;
  event.local_port = 80;
  event.remote_port = 50'000;
  for (int i = 0; i < 100; ++i) {
    const bool inbound = i % 3 == 0;
    event.direction = inbound ? Direction::kInbound : Direction::kOutbound;
    RawField raw[] = {{"SourcePort", inbound ? "50000" : "80"},
                      {"DestPort", inbound ? "80" : "50000"},
                      {"Direction", inbound ? "%%14592" : "%%14593"}};
    event.raw = raw;
    std::string row;
    encode(event, row);
    EXPECT_TRUE(row.empty());
    expect_round_trip(event);
  }
  EXPECT_EQ(templates_.size(), 2U);
}

TEST_F(Codec, AFieldWithManySpellingsDoesNotMakeManyTemplates) {
  for (int i = 0; i < 5000; ++i) {
    std::string value = std::to_string(i);
    RawField raw[] = {{"Sequence", value}, {"Other", value}};
    Event event;
    event.raw = raw;
    expect_round_trip(event);
  }
  EXPECT_LT(templates_.size(), 200U);
}

TEST_F(Codec, DamagedBytesAreRefused) {
  RawTemplate one{{"Name", RawRule::kLiteral, {}}};
  TextArena arena;
  auto text = [](std::uint32_t) { return std::string_view(); };
  EXPECT_FALSE(decode_raw(one, {}, "", text, arena));
  EXPECT_FALSE(decode_raw(one, {},
                          std::string_view("\x05"
                                           "abc",
                                           4),
                          text, arena));
  EXPECT_FALSE(decode_raw(one, {},
                          std::string_view("\x01"
                                           "ab",
                                           3),
                          text, arena));
  EXPECT_FALSE(decode_raw({{"Name", RawRule::kProcessId, {}}}, {}, "", text, arena));
  std::string bytes = to_bytes({{"Name", RawRule::kConstant, "value"}});
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    EXPECT_FALSE(parse_raw_template(std::string_view(bytes).substr(0, cut))) << cut;
  }
  bytes[bytes.size() - 7] = '\x7f';
  EXPECT_FALSE(parse_raw_template(bytes));
}

}  // namespace
}  // namespace blockwatch
