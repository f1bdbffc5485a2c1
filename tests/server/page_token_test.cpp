#include "server/page_token.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace blockwatch {
namespace {

PageToken sample() {
  PageToken token;
  token.cursor = {Timestamp{17'000'000'000'123'456}, 48'007, 48'210};
  token.fingerprint = 0xFEDCBA9876543210;
  token.since = Timestamp{17'000'000'000'000'000};
  return token;
}

TEST(PageToken, ReadsBackWhatWasWritten) {
  const std::uint64_t seed = 7;
  std::mt19937_64 random(seed);
  for (int i = 0; i < 2000; ++i) {
    PageToken token;
    auto moment = [&] {
      return Timestamp{
          static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(kMaxTimestamp.ticks))};
    };
    token.cursor.last_time = moment();
    token.cursor.last_seq = random() >> 11U;
    token.cursor.snapshot_seq = random() >> 11U;
    token.fingerprint = random();
    if (random() % 2 != 0) token.since = moment();
    if (random() % 2 != 0) token.until = moment();
    std::string text = encode_page_token(token);
    ASSERT_LE(text.size(), 80U);
    ASSERT_EQ(
        text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
        std::string::npos);
    auto decoded = decode_page_token(text);
    ASSERT_TRUE(decoded) << "seed " << seed;
    ASSERT_EQ(*decoded, token) << "seed " << seed;
  }
}

TEST(PageToken, EveryChangedCharacterIsDamage) {
  const std::string text = encode_page_token(sample());
  for (std::size_t i = 0; i < text.size(); ++i) {
    for (char c : std::string("AQz9-_ =")) {
      if (text[i] == c) continue;
      std::string changed = text;
      changed[i] = c;
      EXPECT_FALSE(decode_page_token(changed)) << changed;
    }
  }
}

TEST(PageToken, CutOrLengthenedTextIsDamage) {
  const std::string text = encode_page_token(sample());
  for (std::size_t n = 0; n < text.size(); ++n) EXPECT_FALSE(decode_page_token(text.substr(0, n)));
  EXPECT_FALSE(decode_page_token(text + "A"));
  EXPECT_FALSE(decode_page_token(text + text));
  EXPECT_FALSE(decode_page_token(std::string(100'000, 'A')));
}

TEST(PageToken, ImpossibleCursorsAreDamage) {
  PageToken token = sample();
  token.cursor.last_time = Timestamp{-1};
  EXPECT_FALSE(decode_page_token(encode_page_token(token)));
  token = sample();
  token.cursor.last_seq = std::uint64_t{1} << 63U;
  EXPECT_FALSE(decode_page_token(encode_page_token(token)));
  token = sample();
  token.cursor.snapshot_seq = std::uint64_t{1} << 63U;
  EXPECT_FALSE(decode_page_token(encode_page_token(token)));
  token = sample();
  token.since = Timestamp{-1};
  EXPECT_FALSE(decode_page_token(encode_page_token(token)));
  token = sample();
  token.until = Timestamp{kMaxTimestamp.ticks + 1};
  EXPECT_FALSE(decode_page_token(encode_page_token(token)));
}

TEST(Fingerprint, OrderOfValuesDoesNotMatter) {
  Filter a;
  a.remote_port.any = {{443, 443}, {8000, 8100}};
  a.host.none = {"a", "b"};
  Filter b;
  b.remote_port.any = {{8000, 8100}, {443, 443}};
  b.host.none = {"b", "a"};
  EXPECT_EQ(fingerprint(a, {}, Order::kNewestFirst), fingerprint(b, {}, Order::kNewestFirst));
}

TEST(Fingerprint, EveryPartOfTheQuestionMatters) {
  std::vector<std::uint64_t> prints;
  auto add = [&](const Filter& filter, AskedBounds bounds = {}, Order order = Order::kNewestFirst) {
    prints.push_back(fingerprint(filter, bounds, order));
  };
  auto with = [&](auto set) {
    Filter filter;
    set(filter);
    add(filter);
  };
  const IpRange range{IpAddress::v4(1), IpAddress::v4(2)};
  add({});
  add({}, {}, Order::kOldestFirst);
  with([](Filter& f) { f.direction.any = {Direction::kInbound}; });
  with([](Filter& f) { f.direction.none = {Direction::kInbound}; });
  with([](Filter& f) { f.direction.any = {Direction::kOutbound}; });
  with([](Filter& f) { f.direction.any = {Direction::kInbound, Direction::kOutbound}; });
  with([](Filter& f) { f.action.any = {Action::kBlock}; });
  with([](Filter& f) { f.scope.any = {Scope::kConnection}; });
  with([](Filter& f) { f.reason.any = {Reason::kRule}; });
  with([](Filter& f) { f.protocol.any = {{6, 6}}; });
  with([](Filter& f) { f.event_id.any = {{6, 6}}; });
  with([](Filter& f) { f.port.any = {{6, 6}}; });
  with([](Filter& f) { f.port.any = {{6, 7}}; });
  with([](Filter& f) { f.local_port.any = {{6, 6}}; });
  with([](Filter& f) { f.remote_port.any = {{6, 6}}; });
  with([&](Filter& f) { f.address.any = {range}; });
  with([&](Filter& f) { f.local_address.any = {range}; });
  with([&](Filter& f) { f.remote_address.any = {range}; });
  with([](Filter& f) { f.application.any = {{"a", false}}; });
  with([](Filter& f) { f.application.any = {{"a", true}}; });
  with([](Filter& f) { f.application_name.any = {"a"}; });
  with([](Filter& f) { f.process_id.any = {{6, 6}}; });
  with([](Filter& f) { f.user.any = {"a"}; });
  with([](Filter& f) { f.filter_id.any = {{6, 6}}; });
  with([](Filter& f) { f.filter_name.any = {"a"}; });
  with([](Filter& f) { f.filter_origin.any = {"a"}; });
  with([](Filter& f) { f.layer.any = {"a"}; });
  with([](Filter& f) { f.interface_index.any = {{6, 6}}; });
  with([](Filter& f) { f.host.any = {"a"}; });
  with([](Filter& f) { f.source.any = {"a"}; });
  with([](Filter& f) { f.record_id.any = {{6, 6}}; });
  with([](Filter& f) { f.since = Timestamp{1}; });
  with([](Filter& f) { f.until = Timestamp{1}; });
  with([](Filter& f) { f.q = "a"; });
  add({}, {.since_back = 1, .until_back = {}});
  add({}, {.since_back = {}, .until_back = 1});
  std::sort(prints.begin(), prints.end());
  EXPECT_EQ(std::adjacent_find(prints.begin(), prints.end()), prints.end());
}

TEST(Fingerprint, ADurationIsTheSameAtAnotherTime) {
  Filter early;
  early.since = Timestamp{1000};
  Filter late;
  late.since = Timestamp{5000};
  const AskedBounds quarter{.since_back = 9'000'000'000, .until_back = {}};
  EXPECT_EQ(fingerprint(early, quarter, Order::kNewestFirst),
            fingerprint(late, quarter, Order::kNewestFirst));
  EXPECT_NE(fingerprint(early, {}, Order::kNewestFirst),
            fingerprint(late, {}, Order::kNewestFirst));
}

}  // namespace
}  // namespace blockwatch
