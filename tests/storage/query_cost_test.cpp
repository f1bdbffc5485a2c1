// What questions read: rows and blocks stay few for every filter of the contract and the pairs
// people ask for, on any page, whatever came late and what retention deleted.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "tests/storage/store_test_support.h"
#include "tests/support/temp_dir.h"

namespace blockwatch {
namespace {

constexpr std::uint64_t kEvents = 200'000;
constexpr std::uint64_t kBatch = 2'500;
constexpr std::int64_t kSecond = Timestamp::kTicksPerSecond;
constexpr std::array kApplications{"C:\\tools\\curl", "C:\\Windows\\lsass.exe",
                                   "C:\\Windows\\System32\\svchost.exe"};

// One host's events, one a second, with values that are common, rare and single.
Event event_at(std::uint64_t i, bool late) {
  auto moved = static_cast<std::int64_t>(late && i % 40 == 0 ? i * 7919 % 9'000 : 0);
  Event e = sample_event(i, static_cast<std::int64_t>(i) * kSecond - moved * kSecond);
  e.event_id = std::array<std::uint16_t, 3>{5157, 5152, 5155}[i % 3];
  e.direction = i % 4 == 0 ? Direction::kInbound : Direction::kOutbound;
  e.protocol = static_cast<std::uint8_t>(i % 5 == 0 ? 17 : 6);
  e.reason = i % 7 == 0 ? Reason::kDefaultInbound : Reason::kRule;
  e.user = i % 6 == 0 ? "S-1-5-18" : "S-1-5-21-1-2-3-500";
  e.filter_name = i % 8 == 0 ? "Block Inbound" : "Block Outbound";
  e.filter_origin = i % 9 == 0 ? "Stealth" : "Unknown";
  e.layer = i % 3 == 0 ? "connect" : "receive-accept";
  e.interface_index = static_cast<std::uint32_t>(i % 2);
  e.host = i % 2 == 0 ? "DC01" : "PC01";
  e.source = i % 10 == 0 ? "evtx:b" : "evtx:a";
  e.process_id = i % 11 * 4;
  e.filter_id = 65'800 + i % 70;
  e.application = kApplications[i % 3];
  e.local_address = IpAddress::v4(static_cast<std::uint32_t>(0x0a000201U + i % 2));
  e.remote_address = i % 13 == 0
                         ? parse_ip_address(i % 2 == 0 ? "2001:db8::1" : "fe80::7")
                         : IpAddress::v4(static_cast<std::uint32_t>(0x0a010000U + i % 3000));
  e.local_port = static_cast<std::uint16_t>(i % 50 == 0 ? 443 : 49'152 + i % 16'000);
  e.remote_port = static_cast<std::uint16_t>(i % 30 == 0 ? 443 : 8000 + i % 90);
  return e;
}

struct Case {
  const char* name;
  Filter filter;
};

template <class Set>
Case make(const char* name, Set set) {
  Case c{name, {}};
  set(c.filter);
  return c;
}

IpRange range(const char* text) { return value_of(parse_ip_range(text)); }

std::vector<Case> common_cases() {
  auto later = [](Filter& f) { f.since = Timestamp{kSampleTime.ticks + 100'000 * kSecond}; };
  auto earlier = [](Filter& f) { f.until = Timestamp{kSampleTime.ticks + 50'000 * kSecond}; };
  using F = Filter;
  return {
      make("nothing", [](F&) {}),
      make("since", later),
      make("until", earlier),
      make("direction", [](F& f) { f.direction.any = {Direction::kInbound}; }),
      make("direction not", [](F& f) { f.direction.none = {Direction::kInbound}; }),
      make("action", [](F& f) { f.action.any = {Action::kDrop}; }),
      make("scope", [](F& f) { f.scope.any = {Scope::kListen}; }),
      make("reason", [](F& f) { f.reason.any = {Reason::kDefaultInbound}; }),
      make("protocol",
           [](F& f) {
             f.protocol.any = {{17, 17}};
           }),
      make("event_id",
           [](F& f) {
             f.event_id.any = {{5157, 5157}};
           }),
      make("user", [](F& f) { f.user.any = {"S-1-5-18"}; }),
      make("filter_name", [](F& f) { f.filter_name.any = {"block inbound"}; }),
      make("filter_origin", [](F& f) { f.filter_origin.any = {"stealth"}; }),
      make("layer", [](F& f) { f.layer.any = {"connect"}; }),
      make("interface_index",
           [](F& f) {
             f.interface_index.any = {{1, 1}};
           }),
      make("host", [](F& f) { f.host.any = {"dc01"}; }),
      make("source", [](F& f) { f.source.any = {"evtx:b"}; }),
      make("process_id",
           [](F& f) {
             f.process_id.any = {{8, 8}};
           }),
      make("process_id not",
           [](F& f) {
             f.process_id.none = {{8, 8}};
           }),
      make("filter_id",
           [](F& f) {
             f.filter_id.any = {{65'865, 65'865}};
           }),
      make("record_id",
           [](F& f) {
             f.record_id.any = {{77'777, 77'777}};
           }),
      make("record_id range",
           [](F& f) {
             f.record_id.any = {{50'000, 60'000}};
           }),
      make("q in addresses", [](F& f) { f.q = "10.1"; }),
      make("q in applications", [](F& f) { f.q = "svchost"; }),
      make("application",
           [](F& f) {
             f.application.any = {{"curl", false}};
           }),
      make("application path",
           [](F& f) {
             f.application.any = {{"*\\system32\\*", true}};
           }),
      make("application_name", [](F& f) { f.application_name.any = {"lsass.exe"}; }),
      make("remote_port",
           [](F& f) {
             f.remote_port.any = {{443, 443}};
           }),
      make("remote_port range",
           [](F& f) {
             f.remote_port.any = {{8000, 8100}};
           }),
      make("remote_port not",
           [](F& f) {
             f.remote_port.none = {{443, 443}};
           }),
      make("local_port",
           [](F& f) {
             f.local_port.any = {{443, 443}};
           }),
      make("local_port range",
           [](F& f) {
             f.local_port.any = {{49'152, 65'535}};
           }),
      make("local_port of few",
           [](F& f) {
             f.local_port.any = {{49'157, 49'157}};
           }),
      make("port",
           [](F& f) {
             f.port.any = {{443, 443}};
           }),
      make("remote_address", [](F& f) { f.remote_address.any = {range("10.1.0.9")}; }),
      make("remote_address 6", [](F& f) { f.remote_address.any = {range("2001:db8::1")}; }),
      make("local_address", [](F& f) { f.local_address.any = {range("10.0.2.1")}; }),
      make("address", [](F& f) { f.address.any = {range("10.1.0.9")}; }),
      make("block of addresses", [](F& f) { f.remote_address.any = {range("10.1.0.0/16")}; }),
      make("block of addresses 6", [](F& f) { f.address.any = {range("fe80::/10")}; }),
      make("no such block", [](F& f) { f.address.none = {range("10.1.0.0/16")}; }),
  };
}

// What is asked for together.
std::vector<Case> common_pairs() {
  using F = Filter;
  auto later = [](F& f) { f.since = Timestamp{kSampleTime.ticks + 100'000 * kSecond}; };
  auto earlier = [](F& f) { f.until = Timestamp{kSampleTime.ticks + 50'000 * kSecond}; };
  return {
      make("block of addresses and time",
           [&](F& f) {
             f.remote_address.any = {range("10.1.4.0/22")};
             later(f);
           }),
      make("application and time",
           [&](F& f) {
             f.application_name.any = {"lsass.exe"};
             earlier(f);
           }),
      make("address and time",
           [&](F& f) {
             f.address.any = {range("10.1.0.9")};
             earlier(f);
           }),
      make("port and direction",
           [](F& f) {
             f.remote_port.any = {{443, 443}};
             f.direction.any = {Direction::kInbound};
           }),
      make("three",
           [](F& f) {
             f.remote_port.any = {{443, 443}};
             f.direction.any = {Direction::kInbound};
             f.application_name.any = {"lsass.exe"};
           }),
  };
}

// Nobody has these values.
std::vector<Case> empty_cases() {
  using F = Filter;
  return {
      make("host", [](F& f) { f.host.any = {"nobody"}; }),
      make("user", [](F& f) { f.user.any = {"S-1-5-19"}; }),
      make("application",
           [](F& f) {
             f.application.any = {{"nobody.exe", false}};
           }),
      make("process_id",
           [](F& f) {
             f.process_id.any = {{5, 5}};
           }),
      make("filter_id",
           [](F& f) {
             f.filter_id.any = {{UINT64_MAX, UINT64_MAX}};
           }),
      make("record_id",
           [](F& f) {
             f.record_id.any = {{9'000'000, 9'000'000}};
           }),
      make("remote_port",
           [](F& f) {
             f.remote_port.any = {{7, 7}};
           }),
      make("port",
           [](F& f) {
             f.port.any = {{7, 7}};
           }),
      make("address", [](F& f) { f.address.any = {range("192.0.2.7")}; }),
      make("address 6", [](F& f) { f.address.any = {range("2001:db8::99")}; }),
      make("block of addresses", [](F& f) { f.remote_address.any = {range("192.0.2.0/24")}; }),
      make("two that never meet",
           [](F& f) {
             f.record_id.any = {{4, 4}};
             f.direction.any = {Direction::kOutbound};
           }),
      make("time", [](F& f) { f.until = Timestamp{kSampleTime.ticks - 10'000 * kSecond}; }),
  };
}

void fill(const std::string& path, std::uint64_t events, bool late) {
  auto store = value_of(Store::open({path}));
  for (std::uint64_t first = 0; first < events; first += kBatch) {
    std::vector<Event> batch;
    for (std::uint64_t i = first; i < first + kBatch; ++i) batch.push_back(event_at(i, late));
    ASSERT_EQ(value_of(store->append(batch_of(std::move(batch)))).stored, kBatch);
  }
}

void expect_cheap(StoreReader& reader, const Case& c, Order order, std::uint64_t max_rows,
                  std::uint64_t max_blocks) {
  SCOPED_TRACE(std::string(c.name) + (order == Order::kOldestFirst ? ", oldest first" : ""));
  PageQuery query{c.filter, order, 100, {}, false, false};
  Page page = value_of(reader.page(query));
  StoreReader::Cost first = reader.last_cost();
  EXPECT_LT(first.rows, max_rows);
  EXPECT_LT(first.blocks, max_blocks);
  if (!page.next) return;
  query.cursor = page.next;
  page = value_of(reader.page(query));
  EXPECT_LT(reader.last_cost().rows, max_rows);
  EXPECT_LT(reader.last_cost().blocks, max_blocks);
}

// By whether some events come hours late.
class QueryCost : public testing::TestWithParam<bool> {
 protected:
  static void SetUpTestSuite() {
    for (bool late : {false, true}) {
      folders_[late] = std::make_unique<TempDir>();
      fill(folders_[late]->path("events.db"), kEvents, late);
    }
  }
  static void TearDownTestSuite() {
    for (auto& folder : folders_) folder.reset();
  }

  static inline std::array<std::unique_ptr<TempDir>, 2> folders_;
  std::unique_ptr<StoreReader> reader_ =
      value_of(StoreReader::open(folders_[GetParam()]->path("events.db")));
};

TEST_P(QueryCost, APageByAnyFilterReadsFewRowsAndBlocks) {
  for (Order order : {Order::kNewestFirst, Order::kOldestFirst}) {
    for (const Case& c : common_cases()) expect_cheap(*reader_, c, order, 600, 300);
    for (const Case& c : common_pairs()) expect_cheap(*reader_, c, order, 600, 600);
  }
}

TEST_P(QueryCost, AValueThatNobodyHasReadsNoRowsAndFewBlocks) {
  for (const Case& c : empty_cases()) {
    for (Order order : {Order::kNewestFirst, Order::kOldestFirst}) {
      expect_cheap(*reader_, c, order, 3, 100);
    }
    PageQuery query;
    query.filter = c.filter;
    EXPECT_TRUE(value_of(reader_->page(query)).list.events.empty()) << c.name;
  }
}

TEST_P(QueryCost, ADeepPageCostsWhatTheFirstDoes) {
  for (const Case& c : {common_cases().front(), make("direction", [](Filter& f) {
                          f.direction.any = {Direction::kOutbound};
                        })}) {
    SCOPED_TRACE(c.name);
    PageQuery query{c.filter, Order::kNewestFirst, 100, {}, false, false};
    StoreReader::Cost first;
    StoreReader::Cost most;
    for (int number = 1; number <= 1000; ++number) {
      Page page = value_of(reader_->page(query));
      StoreReader::Cost cost = reader_->last_cost();
      if (number == 1) first = cost;
      most = {std::max(most.rows, cost.rows), std::max(most.blocks, cost.blocks)};
      ASSERT_EQ(page.list.events.size(), 100U);
      ASSERT_TRUE(page.next) << "page " << number;
      query.cursor = page.next;
    }
    EXPECT_LE(most.rows, 2 * first.rows);
    EXPECT_LE(most.blocks, first.blocks + 200);
  }
}

TEST_P(QueryCost, CountingReadsNoRows) {
  auto expect_no_rows = [&](const char* name) {
    EXPECT_LT(reader_->last_cost().rows, 300U) << name;
  };
  for (const Case& c : common_cases()) {
    value_of(reader_->top({c.filter, TopField::kRemoteAddress, 10}));
    expect_no_rows(c.name);
    value_of(reader_->timeline({c.filter, 60 * kSecond, TimelineBy::kAction}));
    expect_no_rows(c.name);
    // Asked again, nothing is read at all.
    value_of(reader_->top({c.filter, TopField::kRemoteAddress, 10}));
    EXPECT_EQ(reader_->last_cost().rows + reader_->last_cost().blocks, 0U) << c.name;
  }
}

INSTANTIATE_TEST_SUITE_P(Late, QueryCost, testing::Bool());

TEST(QueryCostAfterRetention, DeletedRowsCostNothing) {
  TempDir folder;
  fill(folder.path("events.db"), 30'000, true);
  {
    auto store = value_of(Store::open({folder.path("events.db")}));
    value_of(store->delete_oldest(20'000, kMaxTimestamp));
  }
  auto reader = value_of(StoreReader::open(folder.path("events.db")));
  for (const Case& c : common_cases()) {
    for (Order order : {Order::kNewestFirst, Order::kOldestFirst}) {
      expect_cheap(*reader, c, order, 600, 300);
    }
  }
}

}  // namespace
}  // namespace blockwatch
